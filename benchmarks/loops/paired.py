"""The bare loop of paired translation: what `experiment=digits_superres` does, written by hand in plain PyTorch.

Hinge, R1 of the critic every few steps, L1 to the true image and, where the critic returns its inner maps, feature
matching (Isola et al. 2017, equations 1 to 4; Wang et al. 2018, equation 2). It takes copies of a task's networks and
nothing else of it; `tests/task/test_paired.py` holds the task against it.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

Batch = Mapping[str, Tensor]


class PairedLoop:
    """Updates of a critic of (source, image) and a translator, an expert's way: one forward of the fakes a step.

    Args:
        task: whose networks are copied: one translator, one critic.
        batches: ``source`` and ``real`` of each step; a single batch is used again and again.
        lr, betas: of Adam, of both.
        l1, feature_matching: factors of these terms.
        gamma, every: weight of R1, and how often it acts.
        half_life, ramp_up: of the average, in images, and as a share of those seen.
        num_images: length of the cosine from ``lr`` to 0; None keeps the learning rate.
        noise: of the translator in each step, by name.
    """

    def __init__(
        self,
        task: Any,
        batches: Iterable[Batch],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.5, 0.99),
        l1: float = 10.0,
        feature_matching: float = 0.0,
        gamma: float = 1.0,
        every: int = 4,
        half_life: float = 3000.0,
        ramp_up: float = 0.1,
        num_images: float | None = None,
        noise: Callable[[], Mapping[str, Tensor]] = dict,
    ) -> None:
        self.generator: nn.Module = copy.deepcopy(task.generator)
        self.critic: nn.Module = copy.deepcopy(task.critics[0].network)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.batches = itertools.cycle(batches)
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=lr, betas=betas, fused=True)
            for network in (self.generator, self.critic)
        ]
        self.lr, self.l1, self.feature_matching, self.gamma, self.every = (
            lr,
            l1,
            feature_matching,
            gamma,
            every,
        )
        self.half_life, self.ramp_up, self.num_images, self.noise = half_life, ramp_up, num_images, noise
        self.num_steps = self.images_seen = 0

    def judge(self, source: Tensor, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the critic's logits and its inner maps, where it gives them."""
        said = self.critic(torch.cat([source, image], 1))
        return (said["logits"], said["features"]) if isinstance(said, dict) else (said, [])

    def step(self) -> None:
        """Update the critic, then the translator, then the average."""
        batch = next(self.batches)
        source, real = batch["source"], batch["real"]
        if self.num_images is not None:
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = self.lr * (
                        0.5 + 0.5 * math.cos(math.pi * self.images_seen / self.num_images)
                    )
        of_generator, of_critic = self.optimizers
        fake = self.generator(source, **self.noise())
        of_critic.zero_grad()
        loss = (
            relu(1 - self.judge(source, real)[0]).mean()
            + relu(1 + self.judge(source, fake.detach())[0]).mean()
        )
        if self.num_steps % self.every == 0:
            loss = loss + self.every * self.gamma * self.r1(source, real)
        loss.backward()
        of_critic.step()
        of_generator.zero_grad()
        self.critic.requires_grad_(False)
        logits, maps = self.judge(source, fake)
        loss = -logits.mean() + self.l1 * (fake - real).abs().mean()
        if self.feature_matching:
            with torch.no_grad():
                _, true_maps = self.judge(source, real)
            for made, true in zip(maps, true_maps, strict=True):
                loss = loss + self.feature_matching * (made - true).abs().mean()
        loss.backward()
        self.critic.requires_grad_(True)
        of_generator.step()
        self.follow(len(real))

    def r1(self, source: Tensor, real: Tensor) -> Tensor:
        """Return 1/2 E |grad|^2 of the critic's mean logit at the real image (Mescheder et al. 2018, equation 9)."""
        real = real.detach().requires_grad_()
        logits, _ = self.judge(source, real)
        (gradient,) = torch.autograd.grad(logits.flatten(1).mean(1).sum(), real, create_graph=True)
        return 0.5 * gradient.square().flatten(1).sum(1).mean()

    @torch.no_grad()
    def follow(self, num: int) -> None:
        """Move the average toward the translator, and count the images."""
        half_life = min(self.half_life, self.images_seen * self.ramp_up)
        decay = 0.5 ** (num / half_life) if half_life else 0.0
        torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 1 - decay)
        self.num_steps, self.images_seen = self.num_steps + 1, self.images_seen + num
