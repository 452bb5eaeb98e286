"""Moved latents against the closed form of a linear game, and what else the task promises."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from games import LR, SHAPE, SharedTask, fit, largest_difference, make_task
from ganworks.errors import SettingError
from ganworks.loss import BCE, Wasserstein
from ganworks.model import Discriminator, Generator, MLPDiscriminator, MLPGenerator
from ganworks.regularizer import R1
from ganworks.run.build import build_run
from ganworks.task import LatentOptimisationTask
from running import compose


class Linear(Generator):
    """G(z) = A z."""

    def __init__(self) -> None:
        super().__init__((3,), latent_dim=2)
        self.weight = nn.Parameter(torch.randn(3, 2))

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return latent @ self.weight.t()


class Along(Discriminator):
    """D(x) = w x."""

    def __init__(self) -> None:
        super().__init__((3,))
        self.weight = nn.Parameter(torch.randn(3))

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return x @ self.weight


class Moving(SharedTask, LatentOptimisationTask):
    """The task in float64 with draws that do not depend on the rank."""


def moving(task: Any, **settings: Any) -> LatentOptimisationTask:
    """A task with the parts of another one, with latents that move."""
    parts = {name: getattr(task, name) for name in ("generator", "discriminator", "loss", "ema", "schedule")}
    parts |= {"num_images": task.num_images, "optimizers": task.optimizer_factories}
    parts["regularizers"] = dict(task.regularizers.items())
    return Moving(**parts, **settings).double()


def linear(**settings: Any) -> tuple[LatentOptimisationTask, dict[str, Tensor]]:
    torch.manual_seed(0)
    task = moving(make_task(Wasserstein(), generator=Linear(), discriminator=Along()), **settings)
    real, latent = (torch.randn(5, size, dtype=torch.float64) for size in (3, 2))
    return task, {"real": real, "latent": latent}


def slope_of(terms: dict[str, Tensor], parameter: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(torch.stack(list(terms.values())).sum(), parameter)
    return gradient


@pytest.mark.parametrize(("beta", "cost"), [(5.0, 0.1), (0.3, 0.0), (None, 0.1)])
def test_gradients_equal_the_closed_form_of_a_linear_game(beta: float | None, cost: float) -> None:
    """g = A^T w for every z, so that D(G(z')) is w A z + alpha |g|^2 / (beta + |g|^2), and |dz|^2 follows."""
    alpha, (task, batch) = 0.9, linear(alpha=0.9, beta=beta, step_weight=cost)
    a, w = task.generator.weight.detach(), task.discriminator.weight.detach()
    mean, g = a @ batch["latent"].mean(0), a.t() @ w
    s = g.square().sum()
    if beta is None:  # dz = alpha g: gain alpha |g|^2, length alpha^2 |g|^2
        of_gain, of_cost = 2 * alpha * g, 2 * alpha**2 * g
    else:
        of_gain = 2 * alpha * beta * g / (beta + s) ** 2
        of_cost = 2 * alpha**2 * g * (beta - s) / (beta + s) ** 3
    of_discriminator = mean - batch["real"].mean(0) + a @ (of_gain + cost * of_cost)
    of_generator = -w.outer(batch["latent"].mean(0)) + w.outer(cost * of_cost - of_gain)
    found = slope_of(task.discriminator_terms(batch), task.discriminator.weight)
    assert torch.allclose(found, of_discriminator, atol=1e-12)
    found = slope_of(task.generator_terms(batch), task.generator.weight)
    assert torch.allclose(found, of_generator, atol=1e-12)
    assert set(batch) == {"real", "latent"}  # each update begins with the latents that were drawn


def test_without_the_path_through_the_step_moved_latents_are_constants() -> None:
    task, batch = linear(through_step=False)
    a, w = task.generator.weight.detach(), task.discriminator.weight.detach()
    g = a.t() @ w
    near = batch["latent"].mean(0) + 0.9 * g / (5 + g.square().sum())
    found = slope_of(task.discriminator_terms(batch), task.discriminator.weight)
    assert torch.allclose(found, a @ near - batch["real"].mean(0), atol=1e-12)
    terms = task.generator_terms(batch)
    assert set(terms) == {"adversarial"}
    assert torch.allclose(slope_of(terms, task.generator.weight), -w.outer(near), atol=1e-12)


def test_moved_latents_please_the_discriminator_more_and_stay_within_their_bound() -> None:
    task, batch = linear(clip=1.0, share=0.4)
    plain = task.discriminator(task.generator(batch["latent"]))
    moved, _ = task.moved(batch)
    assert moved["latent"].abs().max() <= 1
    task.clip = None
    moved, _ = task.moved(batch)
    gain = task.discriminator(moved["fake"]) - plain
    assert (gain[:2] > 0).all()
    assert torch.equal(moved["latent"][2:], batch["latent"][2:])  # of five two move


def test_each_player_alone_gets_a_gradient_in_its_update() -> None:
    task, batch = linear()
    torch.stack(list(task.discriminator_terms(batch).values())).sum().backward()
    assert task.generator.weight.grad is None
    assert task.discriminator.weight.grad is not None
    task.discriminator.weight.grad = None
    torch.stack(list(task.generator_terms(batch).values())).sum().backward()
    assert task.discriminator.weight.grad is None


def test_training_equals_a_loop_by_hand_and_not_the_plain_one() -> None:
    task = moving(make_task(num_steps=1), step_weight=0.2)
    plain, start = fit(make_task(num_steps=1)), make_task(num_steps=1)
    generator, critic = start.generator, start.discriminator
    batch = next(iter(task_data()))
    z = task.draw_noise(len(batch))["latent"]
    for player in (critic, generator):
        latent = z.clone().requires_grad_()
        (g,) = torch.autograd.grad(critic(generator(latent)).sum(), latent, create_graph=True)
        step = 0.9 * g / (5 + g.square().sum(1, keepdim=True))
        logits = critic(generator(z + step))
        loss = BCE().discriminator(critic(batch), logits) if player is critic else BCE().generator(logits)
        loss = loss + 0.2 * step.square().sum(1).mean()
        gradients = torch.autograd.grad(loss, list(player.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(player.parameters(), gradients, strict=True):
                parameter -= LR * gradient
    fit(task)
    assert largest_difference(task.generator, generator) < 1e-12
    assert largest_difference(task.discriminator, critic) < 1e-12
    assert largest_difference(task.discriminator, plain.discriminator) > 1e-7


def task_data() -> list[Tensor]:
    from games import digits

    return [next(iter(digits().train_dataloader()))["real"].double()]


def test_penalties_of_their_own_steps_see_the_fakes_of_moved_latents() -> None:
    task = make_task(num_steps=4, regularizers={"r1": R1(1.0, every=2)})
    task = fit(moving(task, lazy_step=True, share_forward=True))
    assert all(torch.isfinite(p).all() for p in task.parameters())


def test_a_generator_without_latents_and_rates_that_cannot_be_are_named() -> None:
    class Still(Generator):
        def __init__(self) -> None:
            super().__init__(SHAPE, None)

        def forward(self) -> Tensor:  # type: ignore[override]
            return torch.zeros(1, *SHAPE)

    with pytest.raises(SettingError, match=r"model.generator=Still: must be a network with a latent"):
        moving(make_task(generator=Still()))
    for setting, value in (
        ("alpha", 0.0),
        ("beta", -1.0),
        ("clip", 0.0),
        ("share", 2.0),
        ("step_weight", -1.0),
    ):
        with pytest.raises(SettingError, match=f"{setting}={value}"):
            moving(make_task(), **{setting: value})


def test_its_configuration_passes_all_checks() -> None:
    run = build_run(compose("data=ring", "metric=none", "task=latent_optimisation", "loss=r3gan"))
    assert isinstance(run.task, LatentOptimisationTask)
    assert isinstance(run.task.generator, MLPGenerator)
    assert isinstance(run.task.discriminator, MLPDiscriminator)
