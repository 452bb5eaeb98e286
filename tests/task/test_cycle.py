"""CycleGAN's step against a bare loop, its pool of earlier translations, its errors."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from ganworks.errors import SettingError
from ganworks.model import ResnetTranslator, UNetGenerator
from ganworks.noise import keyed_rng
from ganworks.regularizer import R1
from ganworks.task import Critic, CycleTask, ImagePool, Smaller, UnpairedTask
from translating import (
    BATCH,
    SHAPE,
    SMALL,
    DoubleDigits,
    batches,
    critic,
    fit,
    largest_difference,
    loop,
    make,
)


def cycle_task(**kwargs: Any) -> CycleTask:
    torch.manual_seed(0)
    generator = {
        "forth": ResnetTranslator(SHAPE, **SMALL),
        "back": ResnetTranslator(SHAPE, **SMALL),
    }
    return make(CycleTask, generator, {"real": critic(), "source": critic()}, **kwargs)


@pytest.mark.parametrize(
    ("settings", "r1"),
    [({}, None), ({"near_source": 2.0, "regularizers": {"r1": R1(weight=3.0, every=2)}}, (3.0, 2))],
    ids=["as published", "with R1 and near its source"],
)
def test_twelve_steps_equal_those_of_the_bare_loop(
    settings: dict[str, Any], r1: tuple[float, int] | None
) -> None:
    task = cycle_task(**settings)
    bare = loop("cycle").Cycle(task, {}, r1)
    fit(task)
    for batch in batches(12):
        bare.step(batch)
    assert len(bare.pools[0]) == 50  # 96 images went through: the pool was full, and gave some back
    assert largest_difference(task.generator, nn.ModuleList([bare.forth, bare.back])) < 1e-12
    assert largest_difference(task.discriminator, nn.ModuleList(bare.critics)) < 1e-12
    torch.testing.assert_close(torch.stack(bare.pools[1]), task.pools["source"].images, rtol=0, atol=1e-12)


def test_the_comparison_sees_a_loop_without_its_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    task = cycle_task()
    bare = loop("cycle").Cycle(task, {})
    monkeypatch.setattr(bare, "from_pool", lambda number, fakes: fakes)
    fit(task)
    for batch in batches(12):
        bare.step(batch)
    assert largest_difference(task.discriminator, nn.ModuleList(bare.critics)) > 1e-6


def test_a_pool_shows_all_until_it_is_full_and_then_half_of_them_are_earlier_ones() -> None:
    pool = ImagePool(10, (1,))
    first = pool({"fake": torch.arange(10.0)[:, None]}, ["fake"], keyed_rng(0))["fake"]
    assert torch.equal(first.flatten(), torch.arange(10.0))
    later = torch.arange(10.0, 1010.0)[:, None]
    shown = pool({"fake": later}, ["fake"], keyed_rng(1))["fake"]
    is_earlier = shown != later
    assert 0.45 < float(is_earlier.float().mean()) < 0.55
    assert bool((shown <= later).all())
    every = torch.cat([shown, pool.images]).flatten().sort().values
    assert torch.equal(every, torch.arange(1010.0))  # each leaves once, or is still there


def test_a_pool_keeps_each_label_beside_its_image() -> None:
    pool = ImagePool(5, (1,))
    for number in range(20):
        labels = torch.arange(4) + 4 * number
        batch = {"fake": labels[:, None].float(), "source_label": labels, "real": torch.zeros(4, 1)}
        shown = pool(batch, ["fake", "source_label"], keyed_rng(number))
        assert torch.equal(shown["fake"].flatten().long(), shown["source_label"])
        assert shown["real"] is batch["real"]


def test_a_step_without_gradient_from_the_pool_still_trains_the_translators() -> None:
    task, before = cycle_task(pool=2), cycle_task(pool=2)
    fit(task)
    assert largest_difference(task.generator.forth, before.generator.forth) > 1e-4
    assert largest_difference(task.generator.back, before.generator.back) > 1e-4


def test_critics_are_told_the_label_of_each_side() -> None:
    torch.manual_seed(0)
    seen: dict[str, Any] = {"real": [], "source": []}

    class Spy(nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name, self.num_classes, self.scale = name, 10, nn.Parameter(torch.ones(()))

        def forward(self, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            seen[self.name].append(label)
            return self.scale * x.mean((1, 2, 3))

    generator = {
        "forth": ResnetTranslator(SHAPE, **SMALL),
        "back": ResnetTranslator(SHAPE, **SMALL),
    }
    task = make(CycleTask, generator, {name: Spy(name) for name in seen}, num_images=BATCH, pool=0)
    data = DoubleDigits(batch_size=BATCH, num_classes=10)
    fit(task, data)
    batch = batches(1, data)[0]
    told = {name: [labels.tolist() for labels in each[:3]] for name, each in seen.items()}
    label, source_label = batch["label"].tolist(), batch["source_label"].tolist()
    assert told == {"real": [label, source_label, source_label], "source": [source_label, label, label]}


def networks() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {name: ResnetTranslator(SHAPE, **SMALL) for name in ("forth", "back")}


def test_a_network_in_a_critic_reads_the_fields_of_its_way() -> None:
    critics = {"real": critic(), "source": critic()}
    plain = make(CycleTask, networks(), copy.deepcopy(critics))
    wrapped = make(CycleTask, networks(), {name: Critic(each) for name, each in critics.items()})
    assert [fields(each) for each in wrapped.critics] == [fields(each) for each in plain.critics]
    assert fields(wrapped.critics[1]) == ("source", "fake_source", "source_label", "label")
    assert largest_difference(fit(plain).generator, fit(wrapped).generator) == 0


def fields(critic: Critic) -> tuple[str, str, str, str]:
    return critic.real, critic.fake, critic.real_label, critic.fake_label


def test_a_network_in_a_critic_of_one_way_is_told_the_label_of_the_source() -> None:
    critics = {"whole": critic(), "smaller": Critic(critic(), view=Smaller(2), weight=0.5)}
    task = make(UnpairedTask, networks()["forth"], critics)
    assert {each.fake_label for each in task.critics} == {"source_label"}
    own = Critic(critic(), fake_label="other")
    assert make(UnpairedTask, networks()["forth"], own).critics[0].fake_label == "other"


@pytest.mark.parametrize(("name", "setting"), [("source", "fake"), ("source", "real"), ("real", "fake")])
def test_a_critic_of_fields_that_are_not_those_of_its_way_is_refused(name: str, setting: str) -> None:
    critics = {"real": critic(), "source": critic()}
    critics[name] = Critic(critic(), **{setting: "other"})
    with pytest.raises(
        SettingError, match=rf"discriminator.{name}.{setting}=other: must be \w+, or left out"
    ):
        make(CycleTask, networks(), critics)


def u_nets(widths: tuple[int, int] = (4, 4), dropout: float = 0.5) -> dict[str, UNetGenerator]:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"num_levels": 2, "norm": "none", "dropout": dropout}
    return {
        name: UNetGenerator(SHAPE, width=width, **settings)
        for name, width in zip(("forth", "back"), widths, strict=True)
    }


def test_translators_with_dropout_have_it_in_every_pass_and_in_samples() -> None:
    task = make(CycleTask, u_nets(), {"real": critic(), "source": critic()}, num_images=BATCH)
    masks: list[torch.Tensor] = []
    for network in task.generator.values():
        network.mask = lambda uniform, x: masks.append(uniform) or (uniform >= 0.5) * 2.0  # type: ignore[func-returns-value]
    fit(task)
    # Forth and back: of the batch, which share a draw, and of cycle and identity, which have their own.
    assert len(masks) == 6
    assert len({float(mask.sum()) for mask in masks}) == 5
    source = batches(1)[0]["source"].float()
    sampler = make(CycleTask, u_nets(), {"real": critic(), "source": critic()}).float().sampler()
    first, same, other = (
        sampler.sample(len(source), seed=seed, conditions={"source": source}) for seed in (0, 0, 1)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_translators_whose_noise_of_one_name_differs_are_refused() -> None:
    with pytest.raises(SettingError, match=r"noise 'dropout_0' has one shape: \(4, 4, 4\), \(8, 4, 4\)"):
        make(CycleTask, u_nets((4, 8)), {"real": critic(), "source": critic()})
    make(CycleTask, u_nets((4, 8), dropout=0.0), {"real": critic(), "source": critic()})


def test_wrong_settings_are_named() -> None:
    generator = {"forth": ResnetTranslator(SHAPE, **SMALL), "back": ResnetTranslator(SHAPE, **SMALL)}
    with pytest.raises(
        SettingError, match=r"generator=ResnetTranslator: must be networks named forth and back"
    ):
        make(CycleTask, generator["forth"], {"real": critic(), "source": critic()})
    with pytest.raises(SettingError, match="discriminator"):
        make(CycleTask, generator, {"real": critic(), "fake": critic()})
    for setting in ("cycle", "identity", "near_source", "pool"):
        with pytest.raises(SettingError, match=setting):
            cycle_task(**{setting: -1})
    with pytest.raises(SettingError, match="blur"):
        cycle_task(blur=2)


def test_a_critic_of_ones_own_keeps_its_fields() -> None:
    own = {"real": critic(), "source": Critic(critic(), real="source", fake="fake_source", weight=0.5)}
    torch.manual_seed(0)
    generator = {
        "forth": ResnetTranslator(SHAPE, **SMALL),
        "back": ResnetTranslator(SHAPE, **SMALL),
    }
    task = make(CycleTask, generator, own)
    assert [critic.weight for critic in task.critics] == [1.0, 0.5]
