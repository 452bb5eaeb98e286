"""The bare loop of series: what `experiment=sines` does, written by hand in plain PyTorch.

Relativistic pairing (Jolicoeur-Martineau 2018, section 4.1), R1 and R2 every few steps (Mescheder et al. 2018,
equations 9 and 10), Adam along a cosine, an average of the generator. It takes copies of a task's networks and nothing
else of it; `tests/task/test_series.py` holds the task against it.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus


class SeriesLoop:
    """Updates of a critic and a recurrent generator, an expert's way: one forward of the fakes a step.

    Args:
        task: whose networks are copied: one generator, one critic.
        batches: ``real`` (B, T, D) of each step; a single batch is used again and again.
        lr, betas: of Adam, of both.
        gamma, every: weight of R1 and of R2, and how often they act.
        half_life, ramp_up: of the average, in images, and as a share of those seen.
        num_images: length of the cosine from ``lr`` to 0; None keeps the learning rate.
        noise: of the generator in each step, by name; None draws ``latent`` and ``steps``.
    """

    def __init__(
        self,
        task: Any,
        batches: Iterable[Mapping[str, Tensor]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.0, 0.99),
        gamma: float = 0.2,
        every: int = 4,
        half_life: float = 10_000.0,
        ramp_up: float = 0.1,
        num_images: float | None = None,
        noise: Callable[[], Mapping[str, Tensor]] | None = None,
    ) -> None:
        self.generator: Any = copy.deepcopy(task.generator)
        self.critic: nn.Module = copy.deepcopy(task.discriminator)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.batches = itertools.cycle(batches)
        self.of_generator, self.of_critic = (
            torch.optim.Adam(network.parameters(), lr=lr, betas=betas, fused=True)
            for network in (self.generator, self.critic)
        )
        self.lr, self.gamma, self.every = lr, gamma, every
        self.half_life, self.ramp_up, self.num_images = half_life, ramp_up, num_images
        self.noise = noise
        self.num_steps = self.images_seen = 0

    def step(self) -> None:
        """Update the critic, then the generator, then the average."""
        real = next(self.batches)["real"]
        self.cool()
        noise = self.noise() if self.noise is not None else self.drawn(len(real))
        fake = self.generator(**noise)
        self.of_critic.zero_grad()
        loss = softplus(self.critic(fake.detach()) - self.critic(real)).mean()
        if self.num_steps % self.every == 0:
            loss = loss + self.every * self.gamma * (self.penalty(real) + self.penalty(fake))
        loss.backward()
        self.of_critic.step()
        self.of_generator.zero_grad()
        self.critic.requires_grad_(False)
        loss = softplus(self.critic(real) - self.critic(fake)).mean()
        loss.backward()
        self.critic.requires_grad_(True)
        self.of_generator.step()
        self.follow(len(real))

    def drawn(self, num: int) -> dict[str, Tensor]:
        """Return noise from the global state."""
        generator = self.generator
        noise = {"latent": torch.randn(num, generator.latent_dim)}
        if generator.step_noise:
            noise["steps"] = torch.randn(num, generator.length, generator.step_noise)
        return noise

    def penalty(self, at: Tensor) -> Tensor:
        """Return 1/2 E |grad|^2 of the critic at series (B, T, D)."""
        at = at.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self.critic(at).sum(), at, create_graph=True)
        return 0.5 * gradient.square().flatten(1).sum(1).mean()

    def cool(self) -> None:
        """Set the learning rates along the cosine."""
        if self.num_images is None:
            return
        factor = 0.5 + 0.5 * math.cos(math.pi * self.images_seen / self.num_images)
        for optimizer in (self.of_generator, self.of_critic):
            for group in optimizer.param_groups:
                group["lr"] = self.lr * factor

    @torch.no_grad()
    def follow(self, num: int) -> None:
        """Move the average toward the generator, and count the series."""
        half_life = min(self.half_life, self.images_seen * self.ramp_up)
        decay = 0.5 ** (num / half_life) if half_life else 0.0
        torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 1 - decay)
        self.num_steps, self.images_seen = self.num_steps + 1, self.images_seen + num
