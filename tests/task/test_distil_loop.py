"""Flow matching and distribution matching against loops by hand, to the last digits."""

from __future__ import annotations

import copy
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from games import BATCH, LR, SHAPE, digits, fit, largest_difference
from ganworks.loss import RelativisticPairing
from ganworks.model import FlowGenerator, ScorePair, TeacherHeads, VelocityMLP
from ganworks.noise import keyed_rng
from ganworks.optimizer import Constant
from ganworks.task import Critic, ExponentialMovingAverage, FlowTask, MatchingTask, Noised

STEPS, WEIGHT, MATCHING = 4, 0.5, 2.0


def velocity(seed: int = 0) -> VelocityMLP:
    torch.manual_seed(seed)
    network = VelocityMLP(SHAPE, width=8, depth=2)
    nn.init.normal_(network.head.weight, std=0.2)
    return network


def settings(roles: tuple[str, ...], num_steps: int = STEPS) -> dict:
    return {
        "optimizers": dict.fromkeys(roles, partial(torch.optim.SGD, lr=LR)),
        "schedule": Constant(),
        "ema": ExponentialMovingAverage(100.0),
        "num_images": num_steps * BATCH,
    }


def matching_task() -> MatchingTask:
    pair = ScorePair(velocity())
    pair.fake = velocity(2)
    heads = TeacherHeads(SHAPE, velocity(), width=8)
    return MatchingTask(
        FlowGenerator(SHAPE, velocity(1), 1),
        Critic(heads, Noised(0.0, 0.5), weight=WEIGHT),
        RelativisticPairing(),
        score=pair,
        matching=MATCHING,
        n_critic=2,
        **settings(MatchingTask.roles),
    ).double()


def reals() -> list[Tensor]:
    batches = iter(digits().train_dataloader())
    return [next(batches)["real"].double() for _ in range(STEPS)]


def drawn(
    step: int, times: str, noise: str = "", low: float = 0.0, high: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Times (B, 1, 1, 1) and noise of a step, from two streams or one after the other from one."""
    rng = keyed_rng(0, 0, times, step, 0)
    t = low + (high - low) * torch.rand(BATCH, generator=rng)
    z = torch.randn(BATCH, *SHAPE, generator=keyed_rng(0, 0, noise, step, 0) if noise else rng)
    return t.double().view(-1, 1, 1, 1), z.double()


def descend(network: nn.Module, loss: Tensor) -> None:
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    with torch.no_grad():
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter -= LR * gradient


def regression(network: nn.Module, x: Tensor, t: Tensor, z: Tensor) -> Tensor:
    return (network((1 - t) * x + t * z, t.flatten()) - (z - x)).pow(2).mean()


def test_flow_equals_a_loop_by_hand() -> None:
    task = FlowTask(FlowGenerator(SHAPE, velocity(), 4), **settings(FlowTask.roles)).double()
    network = copy.deepcopy(task.generator.network)
    for step, real in enumerate(reals()):
        descend(network, regression(network, real, *drawn(step, "time", "noise")))
    before = copy.deepcopy(task.generator)
    fit(task)
    assert largest_difference(task.generator.network, network) < 1e-12
    assert largest_difference(task.generator, before) > 1e-6
    assert (task.images_seen, task.trainer.global_step) == (STEPS * BATCH, STEPS)


def matching_loop(task: MatchingTask, is_following: bool = True) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Train copies of the three players; ``is_following`` false leaves the fake score as it was."""
    network, heads, pair = (
        copy.deepcopy(p) for p in (task.generator.network, task.discriminator, task.score)
    )

    def judged(x: Tensor, t: Tensor, z: Tensor) -> Tensor:
        return heads((1 - t) * x + t * z, t=t.flatten())

    for step, real in enumerate(reals()):
        z = task.draw_noise(BATCH, lambda name: keyed_rng(0, 0, name, step, 0))["latent"].view(-1, *SHAPE)  # noqa: B023
        fake = z - network(z, torch.ones(BATCH))
        if is_following:
            descend(
                pair.fake, regression(pair.fake, fake.detach(), *drawn(step, "score/time", "score/noise"))
            )
        seen = drawn(step, "view/", high=0.5)
        descend(heads.heads, WEIGHT * softplus(judged(fake.detach(), *seen) - judged(real, *seen)).mean())
        if step % 2 == 0:
            continue
        seen = drawn(step, "view/generator", high=0.5)
        adversarial = softplus(judged(real, *seen) - judged(fake, *seen)).mean()
        t, noise = drawn(step, "matching/time", "matching/noise", 0.02, 0.98)
        y = fake.detach()
        x_t = (1 - t) * y + t * noise
        with torch.no_grad():
            expected = [x_t - t * v(x_t, t.flatten()) for v in (pair.teacher, pair.fake)]
        gradient = (expected[1] - expected[0]) / (y - expected[0]).abs().mean((1, 2, 3), keepdim=True)
        # A term whose gradient in the fakes is that of the method.
        descend(network, WEIGHT * adversarial + MATCHING * (gradient * fake).sum() / fake.numel())
    return network, heads, pair


def test_matching_and_heads_equal_a_loop_by_hand() -> None:
    task = matching_task()
    network, heads, pair = matching_loop(task)
    fit(task)
    assert largest_difference(task.generator.network, network) < 1e-12
    assert largest_difference(task.discriminator, heads) < 1e-12
    assert largest_difference(task.score, pair) < 1e-12
    assert (task.num_steps, task.trainer.global_step) == (STEPS, STEPS // 2)


def test_a_score_that_does_not_follow_the_fakes_is_noticed() -> None:
    task = matching_task()
    network, _, _ = matching_loop(task, is_following=False)
    assert largest_difference(fit(task).generator.network, network) > 1e-9


def test_a_batch_in_parts_counts_as_one() -> None:
    task = matching_task()
    task.accumulate = 4
    fit(task)
    assert (task.images_seen, task.trainer.global_step) == (STEPS * BATCH, STEPS // 2)
    assert all(torch.isfinite(parameter).all() for parameter in task.parameters())
