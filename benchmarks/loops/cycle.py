"""CycleGAN as one would write it by hand: no Lightning, no settings, plain torch on copies of a task's networks."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ganworks.noise import keyed_rng
from ganworks.optimizer.build import with_plain_settings
from ganworks.task import CycleTask

SIZE = 50


class Cycle:
    """Zhu et al. 2017: least squares, cycle, identity, pools of 50; lazy R1 of both critics where asked for.

    Args:
        task: whose networks, weights of the terms and optimizers are copied.
        batch: ``real`` and ``source``, of the steps that get no other.
        r1: weight and interval of the penalty.
    """

    def __init__(
        self, task: CycleTask, batch: Mapping[str, Tensor], r1: tuple[float, int] | None = None
    ) -> None:
        self.forth, self.back = (copy.deepcopy(task.generator[name]) for name in ("forth", "back"))
        self.critics = [copy.deepcopy(task.discriminator[name]) for name in ("real", "source")]
        self.average = copy.deepcopy(nn.ModuleList([self.forth, self.back])).requires_grad_(False)
        self.generator_optimizer = optimizer(task, "generator", [self.forth, self.back])
        self.critic_optimizer = optimizer(task, "discriminator", self.critics)
        self.cycle, self.identity, self.near, self.seed = (
            task.cycle,
            task.identity,
            task.near_source,
            task.seed,
        )
        self.batch, self.r1, self.num_steps = batch, r1, 0
        self.pools: list[list[Tensor]] = [[], []]

    def step(self, batch: Mapping[str, Tensor] | None = None) -> None:
        real, source = ((batch or self.batch)[name] for name in ("real", "source"))
        fake, fake_source = self.forth(source), self.back(real)
        self.critic_optimizer.zero_grad()
        loss = self.critic_loss(0, real, fake) + self.critic_loss(1, source, fake_source)
        loss.backward()
        self.critic_optimizer.step()

        self.generator_optimizer.zero_grad()
        for critic in self.critics:
            critic.requires_grad_(False)
        loss = sum(
            ((critic(made) - 1) ** 2).mean() / 2
            for critic, made in zip(self.critics, (fake, fake_source), strict=True)
        )
        cycled = self.l1(self.back(fake), source) + self.l1(self.forth(fake_source), real)
        same = self.l1(self.forth(real), real) + self.l1(self.back(source), source)
        near = self.l1(fake, source) + self.l1(fake_source, real)
        loss = loss + self.cycle * cycled + self.cycle * self.identity * same + self.near * near
        loss.backward()
        for critic in self.critics:
            critic.requires_grad_(True)
        self.generator_optimizer.step()
        self.follow()
        self.num_steps += 1

    def critic_loss(self, number: int, real: Tensor, fake: Tensor) -> Tensor:
        critic = self.critics[number]
        shown = self.from_pool(number, fake.detach())
        loss = ((critic(real) - 1) ** 2).mean() / 2 + (critic(shown) ** 2).mean() / 2
        if self.r1 is not None and self.num_steps % self.r1[1] == 0:
            weight, every = self.r1
            points = real.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(critic(points).flatten(1).mean(1).sum(), points, create_graph=True)
            loss = loss + weight * every * (slope**2).flatten(1).sum(1).mean() / 2
        return loss

    def from_pool(self, number: int, fakes: Tensor) -> Tensor:
        pool, shown = self.pools[number], []
        rng = keyed_rng(self.seed, f"pool/{('real', 'source')[number]}", self.num_steps, 0)
        coins, places = (
            torch.rand(len(fakes), generator=rng),
            torch.randint(SIZE, (len(fakes),), generator=rng),
        )
        for fake, coin, place in zip(fakes, coins, places, strict=True):
            if len(pool) < SIZE:
                pool.append(fake)
                shown.append(fake)
            elif coin < 0.5:
                shown.append(fake)
            else:
                shown.append(pool[place])
                pool[place] = fake
        return torch.stack(shown)

    @staticmethod
    def l1(images: Tensor, targets: Tensor) -> Tensor:
        return (images - targets).abs().mean()

    @torch.no_grad()
    def follow(self) -> None:
        networks = nn.ModuleList([self.forth, self.back])
        torch._foreach_lerp_(list(self.average.parameters()), list(networks.parameters()), 0.001)


def optimizer(task: Any, role: str, networks: list[nn.Module]) -> torch.optim.Optimizer:
    """Return the optimizer that the task has for a player, over copies of its networks."""
    return with_plain_settings(task.optimizer_factories[role])(nn.ModuleList(networks).parameters())
