"""Packs of samples: what they hold, the step against a loop, and all that sees logits fewer than samples."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from games import BATCH, LR, SHAPE, SharedGradientPenalty, digits, fit, largest_difference, make_task
from ganworks.augment import Ada, Apa, Translation
from ganworks.doctor import Probe
from ganworks.errors import SettingError
from ganworks.loss import BCE, AdversarialLoss, Hinge, LeastSquares, RelativisticPairing, Wasserstein
from ganworks.model import DCGANDiscriminator, MLPDiscriminator, MLPGenerator
from ganworks.noise import keyed_rng
from ganworks.regularizer import R1, R2, Packing, R1Approx
from ganworks.run.build import build_run
from ganworks.task import AdversarialTask
from ganworks.task.view import Chain, Packed, Smaller
from running import compose


def pack(x: Tensor, num: int) -> Tensor:
    """Neighbours side by side, by a loop."""
    rows = [torch.cat(list(x[start : start + num]), 0) for start in range(0, len(x), num)]
    return torch.stack(rows)


def packed_task(num: int = 2, loss: AdversarialLoss | None = None, **kwargs: Any) -> AdversarialTask:
    torch.manual_seed(0)
    critic = MLPDiscriminator((num, *SHAPE[1:]), width=16, depth=2)
    regularizers = {**kwargs.pop("regularizers", {}), "packing": Packing(num)}
    return make_task(loss, discriminator=critic, regularizers=regularizers, **kwargs)


@pytest.mark.parametrize("shape", [(5,), (3, 4, 4), (1, 2, 4, 4)])
def test_each_sample_is_in_one_pack_in_its_order(shape: tuple[int, ...]) -> None:
    x = torch.randn(6, *shape)
    packed = Packed(3)(x, {"real": x}, keyed_rng(0))
    assert torch.equal(packed, pack(x, 3))
    assert torch.equal(packed.reshape(6, *shape), x)  # the marginals: the samples themselves, each once
    layout = x.to(memory_format=torch.channels_last) if x.dim() == 4 else x
    assert torch.equal(Packed(3)(layout, {"real": x}, keyed_rng(0)), packed)


def test_packs_of_one_equal_the_plain_task_to_the_bit() -> None:
    plain = fit(make_task(regularizers={"r1": R1(1.0)}))
    packed = fit(make_task(regularizers={"r1": R1(1.0), "packing": Packing(1)}))
    assert largest_difference(plain.generator, packed.generator) == 0
    assert largest_difference(plain.discriminator, packed.discriminator) == 0


LOSSES = {
    "bce": (BCE(), {"r1": R1(1.0), "r2": R2(0.5)}),
    "hinge": (Hinge(), {"r2": R2(1.0)}),
    "lsgan": (LeastSquares(), {}),
    "wgan_gp": (Wasserstein(), {"gp": SharedGradientPenalty(1.0)}),
    "r3gan": (RelativisticPairing(), {"r1": R1(1.0), "r2": R2(1.0)}),
}


@pytest.mark.parametrize("name", LOSSES)
def test_one_step_equals_that_of_a_discriminator_of_packs_by_hand(name: str) -> None:
    loss, regularizers = LOSSES[name]
    task = packed_task(2, loss, regularizers=regularizers, num_steps=1)
    start = packed_task(2, loss)
    generator, critic = start.generator, start.discriminator
    real = next(iter(digits().train_dataloader()))["real"].double()
    fake = generator(task.draw_noise(len(real))["latent"])
    total = loss.discriminator(critic(pack(real, 2)), critic(pack(fake.detach(), 2)))
    for key, regularizer in regularizers.items():
        at = regularizer.points(real, fake.detach(), keyed_rng(0, 0, key, 0, 0))
        together = pack(at.detach(), 2).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(together).sum(), together, create_graph=True)
        norms = gradient.flatten(1).square().sum(1)  # of whole packs
        total = total + regularizer.weight * regularizer.cost(norms).mean()
    descend(critic, total)
    descend(generator, loss.generator(critic(pack(fake, 2)), critic(pack(real, 2))))
    fit(task)
    assert largest_difference(task.discriminator, critic) < 1e-12
    assert largest_difference(task.generator, generator) < 1e-12


def descend(network: torch.nn.Module, loss: Tensor) -> None:
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    with torch.no_grad():
        for parameter, gradient in zip(network.parameters(), gradients, strict=True):
            parameter -= LR * gradient


def test_parts_of_a_batch_give_the_gradient_of_the_whole() -> None:
    settings: dict[str, Any] = {"regularizers": {"r1": R1(1.0)}, "loss": RelativisticPairing()}
    whole, parts = (fit(packed_task(4, accumulate=num, **settings)) for num in (1, 2))
    assert largest_difference(whole.generator, parts.generator) < 1e-12
    assert largest_difference(whole.discriminator, parts.discriminator) < 1e-12


def test_augmentation_changes_each_sample_of_a_pack_by_itself() -> None:
    task, x = packed_task(2, augment=Translation(0.5)), torch.randn(1, *SHAPE).double().repeat(4, 1, 1, 1)
    seen: list[Tensor] = []
    task.discriminator.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    task.discriminate(task.critics[0], x, {"real": x}, "label", "real")
    assert torch.equal(seen[0], pack(task.augmented(x, "real"), 2))
    assert not torch.equal(seen[0][:, 0], seen[0][:, 1])


def test_approximate_penalty_of_a_share_of_the_batch_looks_at_whole_packs() -> None:
    task = packed_task(4, regularizers={"r1": R1Approx(1.0, share=0.3, central=True)}, num_steps=1)
    seen: list[int] = []
    task.discriminator.register_forward_pre_hook(lambda layer, inputs: seen.append(len(inputs[0])))
    fit(task)
    assert seen == [4, 4, 2, 2, 4]  # 16 samples are 4 packs; .3 of them are two


def test_adaptive_augmentation_counts_images_and_replaces_whole_packs() -> None:
    task = fit(packed_task(2, augment=Ada(adjust_images=1000, color=0), num_steps=4))
    assert int(task.augment.images) == 4 * BATCH
    task = packed_task(2, augment=Apa(probability=0.5, target=None))
    real, fake = (torch.full((BATCH, *SHAPE), float(value)).double() for value in (1, 2))
    batch = {"real": real, "fake": fake}
    packs = pack(task.given(task.critics[0], batch, batch)["real"], 2).flatten(1)
    assert (packs == packs[:, :1]).all()
    assert 0 < (packs == 2).float().mean() < 1


def test_the_doctor_looks_at_packs_and_the_check_gives_it_enough() -> None:
    task = packed_task(3, RelativisticPairing(), regularizers={"r1": R1(1.0)}, num_steps=2)
    task.check({"real": torch.randn(2, *SHAPE).double()}, SHAPE)
    probe = Probe(task, num_samples=8)
    fit(task, batch_size=15)
    found = probe.signals()
    assert found["critic_gradient_norm"] > 0
    assert 0 <= found["auc"] <= 1
    assert probe._num(task.looks[0]) == 6


def test_generator_learns_from_the_best_packs_alone() -> None:
    task, packs = packed_task(2, top_k=0.25), 8
    batch = {"real": torch.randn(2 * packs, *SHAPE).double(), **task.draw_noise(2 * packs)}
    term = task.generator_terms(batch)["adversarial"]
    logits = task.discriminator(pack(batch["fake"], 2))
    best = logits.argsort(descending=True)[:2]
    assert torch.allclose(term, BCE().generator(logits[best]))
    (gradient,) = torch.autograd.grad(term, batch["fake"])
    learned = pack(gradient, 2).flatten(1).abs().sum(1) > 0
    assert torch.equal(learned, torch.isin(torch.arange(packs), best))


def test_views_before_a_pack_show_each_sample_by_itself() -> None:
    chain = Chain(smaller=Smaller(2), packed=Packed(2))
    assert chain.together == 2
    x = torch.randn(4, 1, 8, 8)
    assert torch.equal(chain(x, {"real": x}, keyed_rng(0)), pack(Smaller(2)(x, {}, keyed_rng(0)), 2))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data.batch_size": 63}, "data.batch_size=63: must be a multiple of 2: regularizer.packing.num=2"),
        ({"task.accumulate": 64}, "must be a multiple of 128: .*, in task.accumulate=64 parts"),
        (
            {"model.conditional": "true"},
            "regularizer.packing.num=2: must be 1 with a conditional discriminator",
        ),
        (
            {"model.discriminator.shape": [1, 8, 8]},
            r"shape=\[1, 8, 8\]: must be \[2, 8, 8\] under regularizer.packing",
        ),
        ({"regularizer.packing.num": 0}, "regularizer.packing.num=0"),
    ],
)
def test_what_cannot_be_packed_is_refused_before_training(settings: dict[str, Any], said: str) -> None:
    overrides = [f"{name}={value}" for name, value in settings.items()]
    with pytest.raises(SettingError, match=said):
        build_run(compose("data=digits", "metric=none", "regularizer=packing", *overrides))


def test_series_and_models_of_several_critics_are_refused() -> None:
    with pytest.raises(SettingError, match="vectors, images, clips"):
        build_run(compose("data=sines", "metric=none", "regularizer=packing"))
    sprite = ["data=moving_digits", "model=sprite", "metric=none", "regularizer=packing"]
    with pytest.raises(SettingError, match="each of sprite, path has its own"):
        build_run(compose(*sprite))
    with pytest.raises(SettingError, match=r"discriminator.sprite.shape=.*: must be \[2, 16, 16\] under"):
        build_run(compose(*sprite, "~model.discriminator.shape"))


def test_configuration_widens_the_discriminator_beside_other_penalties() -> None:
    config = compose("data=digits", "metric=none", "regularizer=[r1_r2,packing]", "regularizer.packing.num=4")
    run = build_run(config)
    assert list(run.task.all_regularizers) == ["r1", "r2", "packing"]
    assert isinstance(run.task.discriminator, DCGANDiscriminator)
    assert run.task.discriminator.shape == (4, 8, 8)
    assert run.task.generator.shape == (1, 8, 8)
    ring = build_run(compose("data=ring", "metric=none", "regularizer=packing")).task
    assert isinstance(ring.generator, MLPGenerator)
    assert ring.discriminator.shape == (4,)
