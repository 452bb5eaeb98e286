"""A video GAN written by hand: a critic of clips and one of frames, relativistic pairing, lazy penalties, Adam.

It shares no code with `ganworks.task`: tests hold the task's step against it, and the step is timed against it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

Networks = Mapping[str, nn.Module]


class Video:
    """The loop on copies of a task's networks.

    Args:
        task: whose `generator` and `discriminator` (``clip``, ``frame``) are copied.
        batch: ``real`` (B, C, T, H, W) and perhaps ``label`` (B,), of every step that is given no other.
        penalties: by critic (gamma of R1, gamma of R2, every so many steps); 0 leaves a penalty out.
        frame_weight: factor of the frame critic's loss.
        lr, betas: by player, of Adam.
        noise: from a step to the generator's noise by name.
        frames: from (step, name of a look) to the frame (B,) of each clip that the frame critic looks at.
    """

    def __init__(
        self,
        task: Any,
        batch: Mapping[str, Tensor],
        penalties: Mapping[str, tuple[float, float, int]],
        frame_weight: float = 1.0,
        lr: Mapping[str, float] | None = None,
        betas: tuple[float, float] = (0.0, 0.99),
        noise: Callable[[int], dict[str, Tensor]] | None = None,
        frames: Callable[[int, str], Tensor] | None = None,
    ) -> None:
        self.generator = copy.deepcopy(task.generator).train()
        self.critics = copy.deepcopy(task.discriminator).train()
        self.batch, self.penalties, self.frame_weight = batch, penalties, frame_weight
        lr = lr or {"generator": 2e-3, "discriminator": 1e-3}
        self.generator_optimizer = torch.optim.Adam(self.generator.parameters(), lr["generator"], betas)
        self.critic_optimizer = torch.optim.Adam(self.critics.parameters(), lr["discriminator"], betas)
        self.noise = noise or self.draw_noise
        self.frames = frames or self.draw_frames
        self.num_steps = 0

    def draw_noise(self, step: int) -> dict[str, Tensor]:
        shapes = {name: noise.shape for name, noise in self.generator.noise.items()}
        return {name: torch.randn(len(self.batch["real"]), *shape) for name, shape in shapes.items()}

    def draw_frames(self, step: int, look: str) -> Tensor:
        return torch.randint(self.batch["real"].shape[2], (len(self.batch["real"]),))

    def step(self, batch: Mapping[str, Tensor] | None = None) -> None:
        """Update both critics, then the generator."""
        batch = batch or self.batch
        real, label = batch["real"], batch.get("label")
        noise = self.noise(self.num_steps)
        labels = {"label": label} if self.generator.num_classes else {}
        fake = self.generator(**noise, **labels)
        self.critic_optimizer.zero_grad()
        clip = softplus(self.clip(fake.detach(), label) - self.clip(real, label)).mean()
        frame = softplus(self.frame(fake.detach(), label, "fake") - self.frame(real, label, "real")).mean()
        loss = clip + self.frame_weight * frame
        for name, look in (("clip", self.clip), ("frame", self.frame)):
            loss = loss + self.penalty(name, look, real, fake.detach(), label)
        loss.backward()
        self.critic_optimizer.step()
        self.generator_optimizer.zero_grad()
        self.critics.requires_grad_(False)
        clip = softplus(self.clip(real, label) - self.clip(fake, label)).mean()
        frame = softplus(
            self.frame(real, label, "generator/real") - self.frame(fake, label, "generator/fake")
        ).mean()
        (clip + self.frame_weight * frame).backward()
        self.critics.requires_grad_(True)
        self.generator_optimizer.step()
        self.num_steps += 1

    def clip(self, clips: Tensor, label: Tensor | None, look: str = "") -> Tensor:
        return self.critics["clip"](clips, label)

    def frame(self, clips: Tensor, label: Tensor | None, look: str) -> Tensor:
        chosen = self.frames(self.num_steps, look)
        return self.critics["frame"](clips[torch.arange(len(clips)), :, chosen], label)

    def penalty(
        self, name: str, look: Callable[..., Tensor], real: Tensor, fake: Tensor, label: Tensor | None
    ) -> Tensor:
        """Return gamma/2 E|grad D|^2 at reals and at fakes, every so many steps, as many times as strong."""
        *gammas, every = self.penalties[name]
        total = real.new_zeros(())
        for penalty, gamma, points in zip(("r1", "r2"), gammas, (real, fake), strict=True):
            if gamma and self.num_steps % every == 0:
                at = points.clone().requires_grad_()
                logits = look(at, label, penalty)
                (gradient,) = torch.autograd.grad(logits.sum(), at, create_graph=True)
                total = total + gamma * every * 0.5 * gradient.square().sum((1, 2, 3, 4)).mean()
        return total
