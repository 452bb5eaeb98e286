"""The step against a hand-written loop, and what it promises to count, freeze and log."""

from __future__ import annotations

import copy

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from games import (
    BATCH,
    GAMES,
    LR,
    SHAPE,
    SharedGenerator,
    SharedTask,
    digits,
    fit,
    largest_difference,
    make_task,
)
from ganworks.loss import BCE, Hinge, RelativisticPairing
from ganworks.model import Discriminator, Generator, MLPDiscriminator, MLPGenerator
from ganworks.model.base import produce as plain_produce
from ganworks.noise import keyed_rng
from ganworks.optimizer import Constant
from ganworks.regularizer import R1
from ganworks.task import AdversarialTask, ExponentialMovingAverage


def reals(num_steps: int) -> list[Tensor]:
    """Return the real batches of the first steps."""
    batches = iter(digits().train_dataloader())
    return [next(batches)["real"].double() for _ in range(num_steps)]


def draw_double(task: AdversarialTask, step: int) -> Tensor:
    return task.draw_noise(BATCH, lambda name: keyed_rng(0, 0, name, step, 0))["latent"]


def naive_loop(task: AdversarialTask, num_steps: int) -> tuple[nn.Module, nn.Module]:
    """Train copies of the task's networks with a loop that shares no code with the step."""
    generator, discriminator = copy.deepcopy(task.generator), copy.deepcopy(task.discriminator)
    for step, real in enumerate(reals(num_steps)):
        latent = draw_double(task, step)
        with torch.no_grad():
            fake = generator(latent)
        loss = task.loss.discriminator(discriminator(real), discriminator(fake))
        for name, regularizer in task.regularizers.items():
            if step % regularizer.every == 0:
                batch = {"real": real, "fake": fake}
                penalty = regularizer.penalty(discriminator, batch, keyed_rng(0, 0, name, step, 0))
                loss = loss + (0 if penalty is None else regularizer.weight * regularizer.every * penalty)
        descend(discriminator, loss)
        for regularizer in task.regularizers.values():
            regularizer.project(discriminator)
        if (step + 1) % task.n_critic == 0:
            descend(generator, task.loss.generator(discriminator(generator(latent)), discriminator(real)))
    return generator, discriminator


def descend(network: nn.Module, loss: Tensor) -> None:
    parameters = list(network.parameters())
    with torch.no_grad():
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter -= LR * gradient


@pytest.mark.parametrize("name", GAMES)
def test_training_equals_a_hand_written_loop(name: str) -> None:
    loss, regularizers, n_critic = GAMES[name]
    num_steps = 2 * n_critic + 4
    task = make_task(loss, num_steps, regularizers=regularizers, n_critic=n_critic)
    generator, discriminator = naive_loop(task, num_steps)
    start = copy.deepcopy(task.generator)
    fit(task)
    assert largest_difference(task.generator, generator) < 1e-12
    assert largest_difference(task.discriminator, discriminator) < 1e-12
    assert largest_difference(task.generator, start) > 1e-6  # a generator that never moves would pass too


def test_another_number_of_critic_steps_is_noticed() -> None:
    task = make_task(n_critic=2)
    generator, _ = naive_loop(task, 6)
    task.n_critic = 1
    assert largest_difference(fit(task).generator, generator) > 1e-6


@pytest.mark.parametrize("name", ["bce", "r3gan"])
def test_accumulated_parts_give_the_gradient_of_the_whole_batch(name: str) -> None:
    loss, regularizers, n_critic = GAMES[name]
    whole = fit(make_task(loss, regularizers=regularizers, n_critic=n_critic))
    parts = fit(make_task(loss, regularizers=regularizers, n_critic=n_critic, accumulate=4))
    assert largest_difference(whole.generator, parts.generator) < 1e-12
    assert largest_difference(whole.discriminator, parts.discriminator) < 1e-12


def test_accumulate_that_does_not_divide_the_batch_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"task.accumulate=3: must be a divisor of data.batch_size=16"):
        fit(make_task(accumulate=3))


def test_global_step_counts_generator_updates_and_images_seen_counts_reals() -> None:
    task = fit(make_task(num_steps=10, n_critic=5))
    assert (task.trainer.global_step, task.num_steps, task.images_seen) == (2, 10, 160)


def test_max_steps_of_the_trainer_counts_generator_updates() -> None:
    task = make_task(num_steps=100, n_critic=2)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=-1, max_steps=3, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(task, digits())
    assert (trainer.global_step, task.num_steps) == (3, 6)


class Spy(MLPDiscriminator):
    """Record whether parameters would get a gradient in each forward of a step."""

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        self.trained = [*getattr(self, "trained", []), next(self.parameters()).requires_grad]
        return super().forward(x, label)


def test_the_generators_update_freezes_the_discriminator_and_sees_real_logits_only_when_relativistic() -> (
    None
):
    for loss, expected in (
        (Hinge(), [True, True, False]),
        (RelativisticPairing(), [True, True, False, False]),
    ):
        task = fit(make_task(loss, num_steps=1, discriminator=Spy(SHAPE, width=8, depth=1)))
        assert task.discriminator.trained == expected
        assert all(parameter.requires_grad for parameter in task.discriminator.parameters())


def test_a_parameter_that_its_user_froze_stays_frozen() -> None:
    task = make_task()
    frozen = next(task.discriminator.parameters()).requires_grad_(False)
    before = frozen.clone()
    fit(task)
    assert torch.equal(frozen, before)
    assert not frozen.requires_grad


class CountingGenerator(SharedGenerator):
    """Count the forward passes."""

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        self.num_forwards = getattr(self, "num_forwards", 0) + 1
        return super().forward(latent, label)


def test_one_generator_forward_serves_both_updates() -> None:
    generator = CountingGenerator(SHAPE, latent_dim=4, width=8, depth=1)
    assert fit(make_task(num_steps=5, generator=generator)).generator.num_forwards == 5


def test_gradient_clip_bounds_the_norm_of_the_update() -> None:
    for clip in (1e-3, 1e3):
        task = make_task(num_steps=1, gradient_clip=clip)
        start = copy.deepcopy(task.generator)
        fit(task)
        pairs = zip(task.generator.parameters(), start.parameters(), strict=True)
        norm = torch.stack([(a - b).norm() for a, b in pairs]).norm().item() / LR
        assert norm == pytest.approx(1e-3, rel=1e-3) if clip == 1e-3 else norm > 2e-3


def test_terms_are_logged_under_their_names() -> None:
    task = fit(make_task(regularizers={"r1": R1(weight=1.0)}))
    assert {
        "train/discriminator/adversarial", "train/discriminator/r1", "train/generator/adversarial",
        "train/discriminator/gradient_norm", "train/generator/gradient_norm", "train/generator/lr",
        "train/discriminator/lr", "train/images_per_second",
    } == set(task.scalars)  # fmt: skip


def test_logged_terms_of_an_accumulated_batch_are_those_of_the_whole() -> None:
    whole, parts = fit(make_task(num_steps=1)), fit(make_task(num_steps=1, accumulate=4))
    name = "train/discriminator/adversarial"
    assert parts.scalars[name] == pytest.approx(whole.scalars[name], rel=1e-6)


class Packed(SharedTask):
    """An application that overrides `produce` and adds a term."""

    @staticmethod
    def produce(generator: nn.Module, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"fake": generator(inputs["latent"]).clamp(-0.5, 0.5)}

    def generator_terms(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {**super().generator_terms(batch), "brightness": batch["fake"].mean()}


def test_an_application_overrides_produce_and_terms() -> None:
    base = make_task()
    task = Packed(
        base.generator, base.discriminator, BCE(), ExponentialMovingAverage(0.0),
        optimizers=base.optimizer_factories, schedule=Constant(), num_images=2 * BATCH,
    ).double()  # fmt: skip
    assert "train/generator/brightness" in fit(task).scalars
    assert task.sampler().produce is Packed.produce
    assert base.sampler().produce is plain_produce


def test_ranks_and_steps_draw_different_noise() -> None:
    draws = {
        (rank, step): torch.randn(4, generator=keyed_rng(0, rank, "latent", step, 0)).tolist()
        for rank in range(2)
        for step in range(2)
    }
    assert len({tuple(draw) for draw in draws.values()}) == 4


@pytest.mark.parametrize(
    ("setting", "value"),
    [("n_critic", 0), ("accumulate", 0), ("num_images", -5), ("patience", 0), ("gradient_clip", -1)],
)
def test_a_setting_out_of_range_is_named(setting: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{setting}={value}"):
        make_task(**{setting: value})


def test_the_base_classes_are_what_the_task_expects() -> None:
    assert issubclass(MLPGenerator, Generator)
    assert issubclass(MLPDiscriminator, Discriminator)
