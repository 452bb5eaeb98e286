"""The running average of the generator's weights, whose half-life is counted in images."""

from __future__ import annotations

import torch
from torch import nn

from ganworks.errors import check_range


class ExponentialMovingAverage:
    """average <- lerp(weights, average, 2^(-images / half_life)), Karras et al. 2018 (section 3), as in EDM.

    Args:
        half_life: images after which a weight's share in the average has halved; 0 copies the weights.
        ramp_up: while training is young the half-life is at most this share of `images_seen`, so that the
            average forgets the first, useless generators; None keeps the half-life constant.

    Raises:
        SettingError: a negative ``half_life`` or ``ramp_up``.
    """

    def __init__(self, half_life: float, ramp_up: float | None = 0.05) -> None:
        self.half_life = check_range("half_life", half_life, 0)
        self.ramp_up = None if ramp_up is None else check_range("ramp_up", ramp_up, 0)

    def decay(self, num_images: int, images_seen: int) -> float:
        """Return the average's weight after ``num_images`` more images, at ``images_seen`` in all."""
        half_life = (
            self.half_life if self.ramp_up is None else min(self.half_life, images_seen * self.ramp_up)
        )
        return 0.5 ** (num_images / half_life) if half_life > 0 else 0.0

    @torch.no_grad()
    def update(self, average: nn.Module, generator: nn.Module, num_images: int, images_seen: int) -> None:
        """Move ``average`` toward ``generator``; buffers are copied."""
        weight = 1 - self.decay(num_images, images_seen)
        torch._foreach_lerp_(list(average.parameters()), list(generator.parameters()), weight)
        if buffers := list(generator.buffers()):
            torch._foreach_copy_(list(average.buffers()), buffers)
