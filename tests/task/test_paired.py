"""Paired translation against a hand-written loop, its terms one by one, and what it refuses."""

from __future__ import annotations

import copy
import runpy
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from games import fit, largest_difference
from ganworks.data import DigitsSuperres
from ganworks.errors import GanworksError, SettingError
from ganworks.loss import Hinge
from ganworks.model import PatchDiscriminator, ResidualUNet, UNetGenerator
from ganworks.noise import keyed_rng
from ganworks.optimizer import Cosine
from ganworks.regularizer import R1, FeatureMatching
from ganworks.task import Beside, Chain, Critic, ExponentialMovingAverage, PairedTask, Phase, Smaller
from ganworks.task.paired import feature_distance

LOOPS = Path(__file__).parents[2] / "benchmarks" / "loops"
PairedLoop = runpy.run_path(str(LOOPS / "paired.py"))["PairedLoop"]
SHAPE, BATCH, NUM_STEPS = (1, 8, 8), 16, 10


class DoublePairs(DigitsSuperres):
    """The pairs in float64, so that two orders of summation agree to 1e-12."""

    def on_after_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        return {name: rows.double() if rows.is_floating_point() else rows for name, rows in batch.items()}


def pairs() -> DoublePairs:
    return DoublePairs(batch_size=BATCH)


def batches() -> Iterator[dict[str, Tensor]]:
    data = pairs()
    for batch in data.train_dataloader():
        yield data.on_after_batch_transfer(batch, 0)


def critic(**kwargs: Any) -> Critic:
    network = PatchDiscriminator(SHAPE, width=8, num_layers=1, norm="none", source_channels=1, **kwargs)
    return Critic(network, view=Beside())


def make_task(**kwargs: Any) -> PairedTask:
    torch.manual_seed(0)
    settings = {
        "generator": ResidualUNet(SHAPE, width=4),
        "discriminator": critic(with_features=True),
        "loss": Hinge(),
        "regularizers": {"r1": R1(weight=1.0, every=4)},
        "optimizers": dict.fromkeys(PairedTask.roles, partial(torch.optim.Adam, lr=1e-3, betas=(0.5, 0.99))),
        "schedule": Cosine(),
        "ema": ExponentialMovingAverage(half_life=50.0, ramp_up=0.1),
        "num_images": NUM_STEPS * BATCH,
        "l1": 10.0,
    }
    return PairedTask(**{**settings, **kwargs}).double()


def loop_of(task: PairedTask, **kwargs: Any) -> Any:
    return PairedLoop(task, batches(), half_life=50.0, num_images=NUM_STEPS * BATCH, **kwargs)


@pytest.mark.parametrize("feature_matching", [0.0, 10.0])
def test_training_equals_a_hand_written_loop(feature_matching: float) -> None:
    task = make_task(feature_matching=feature_matching)
    loop, start = loop_of(task, feature_matching=feature_matching), copy.deepcopy(task.generator)
    for _ in range(NUM_STEPS):
        loop.step()
    fit(task, data=pairs())
    assert largest_difference(task.generator, loop.generator) < 1e-12
    assert largest_difference(task.discriminator, loop.critic) < 1e-12
    assert largest_difference(task.ema_generator, loop.average) < 1e-12
    assert largest_difference(task.generator, start) > 1e-4  # a generator that never moves would pass too


def test_dropout_of_a_u_net_equals_a_hand_written_loop_with_the_same_noise() -> None:
    torch.manual_seed(0)
    task = make_task(generator=UNetGenerator(SHAPE, width=4, num_levels=3))
    steps = iter(range(NUM_STEPS))

    def noise() -> dict[str, Tensor]:
        step = next(steps)
        return task.draw_noise(BATCH, lambda name: keyed_rng(0, 0, name, step, 0))

    loop = loop_of(task, noise=noise)
    for _ in range(NUM_STEPS):
        loop.step()
    fit(task, data=pairs())
    assert largest_difference(task.generator, loop.generator) < 1e-12


@pytest.mark.parametrize("change", [{"l1": 9.0}, {"every": 2}, {"gamma": 2.0}, {"feature_matching": 1.0}])
def test_a_loop_with_another_term_is_noticed(change: dict[str, float]) -> None:
    task = make_task()
    loop = loop_of(task, **change)
    for _ in range(NUM_STEPS):
        loop.step()
    assert largest_difference(fit(task, data=pairs()).generator, loop.generator) > 1e-6


def test_feature_matching_sums_over_all_critics_and_their_maps() -> None:
    two = {"first": critic(with_features=True), "second": critic(with_features=True)}
    task = make_task(discriminator=two, feature_matching=3.0)
    batch = next(batches())
    terms = task.generator_terms(dict(batch))
    fake = task.generator(batch["source"])
    for name, each in two.items():
        made, true = (
            each.network(torch.cat([batch["source"], image], 1))["features"]
            for image in (fake, batch["real"])
        )
        expected = sum((a - b).abs().sum() / a.numel() for a, b in zip(made, true, strict=True))
        assert float(terms[f"{name}/feature_matching"]) == pytest.approx(3 * float(expected), abs=1e-12)
    assert float(terms["l1"]) == pytest.approx(float(10 * (fake - batch["real"]).abs().mean()), abs=1e-12)


def test_feature_distance_needs_maps_of_the_same_critic() -> None:
    with pytest.raises(ValueError, match="zip"):
        feature_distance([torch.zeros(1)], [torch.zeros(1), torch.zeros(1)])


def test_a_chain_of_views_halves_the_sample_beside_its_source() -> None:
    batch, view = next(batches()), Chain(beside=Beside(), smaller=Smaller(2))
    seen = view(batch["real"], batch, torch.Generator())
    both = torch.cat([batch["source"], batch["real"]], 1)
    expected = both.unflatten(2, (4, 2)).unflatten(4, (4, 2)).mean((3, 5))
    assert view.fields == ("source",)
    torch.testing.assert_close(seen, expected)


class Shown(PatchDiscriminator):
    """Keeps what it saw."""

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        self.seen = x
        return super().forward(x, label)


def test_augmentation_moves_source_and_sample_alike() -> None:
    network = Shown(SHAPE, width=8, num_layers=1, norm="none", source_channels=1)
    task = make_task(discriminator=Critic(network, view=Beside()), augment=translation())
    batch = next(batches())
    task.discriminate(task.critics[0], batch["source"], batch, "label", "real")
    source, sample = network.seen.unbind(1)
    assert torch.equal(source, sample)
    assert not torch.equal(source, batch["source"][:, 0])


def translation() -> Any:
    from ganworks.augment.diffaugment import Translation

    return Translation(ratio=0.25)


def test_a_phase_of_reconstruction_leaves_the_critic_alone() -> None:
    phase = Phase(share=1.0, terms={"discriminator": None, "generator": "reconstruction_terms"})
    task = make_task(phases={"reconstruction": phase})
    before = copy.deepcopy(task.discriminator)
    fit(task, data=pairs())
    assert largest_difference(task.discriminator, before) == 0


def test_a_critic_of_weight_0_leaves_the_translator_to_l1() -> None:
    phase = Phase(share=1.0, terms={"discriminator": None, "generator": "reconstruction_terms"})
    alone = fit(make_task(phases={"reconstruction": phase}), data=pairs())
    task = make_task(discriminator=Critic(critic().network, view=Beside(), weight=0.0))
    assert largest_difference(fit(task, data=pairs()).generator, alone.generator) < 1e-12


def example() -> dict[str, Tensor]:
    return pairs().on_after_batch_transfer(pairs().example(), 0)


def test_feature_matching_without_features_is_refused_before_training() -> None:
    task = make_task(discriminator=critic(), feature_matching=10.0)
    with pytest.raises(
        SettingError, match=r"feature_matching=10.0: must be 0, or critics that return their features"
    ):
        task.check(example(), SHAPE)


def test_two_terms_of_one_name_are_refused() -> None:
    with pytest.raises(
        SettingError, match=r"feature_matching=10.0: must be 0 beside regularizer.feature_matching"
    ):
        make_task(feature_matching=10.0, regularizers={"feature_matching": FeatureMatching()})


def test_a_perceptual_term_of_images_too_small_for_vgg_is_refused_before_training() -> None:
    with pytest.raises(SettingError, match=r"perceptual=1.0: must be 0 for samples of \(1, 8, 8\)"):
        make_task(perceptual=1.0).check(example(), SHAPE)


def test_a_perceptual_term_without_its_weights_is_refused_before_training(tmp_path: Path) -> None:
    task = make_task(perceptual=1.0, perceptual_weights=str(tmp_path / "vgg16.pth"))
    with pytest.raises(
        GanworksError, match=r"vgg16.pth is missing; .* task.perceptual_weights=PATH; task.perceptual=0"
    ):
        task.check({"real": torch.zeros(2, 1, 32, 32)}, (1, 32, 32))


def test_a_critic_under_a_name_that_torch_uses_is_refused() -> None:
    with pytest.raises(SettingError, match="model=half: must be networks under other names"):
        make_task(discriminator={"full": critic(), "half": critic()})


def test_a_factor_below_zero_is_refused() -> None:
    with pytest.raises(SettingError, match="l1=-1: must be a number from 0 up"):
        make_task(l1=-1)
