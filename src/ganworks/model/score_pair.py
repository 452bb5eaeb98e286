"""The two scores of distribution matching: a frozen teacher's, and that of what the generator makes at present."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ganworks.model.flow import noised


class ScorePair(nn.Module):
    """The teacher's velocity, frozen, and a copy of it that follows the generator's samples.

    Yin et al. 2024 (DMD2, https://arxiv.org/abs/2405.14867), section 3. A velocity says where the clean sample lies,
    x_t - t v(x_t, t), and with it the score of the noised samples.

    Args:
        teacher: a network (x (B, *shape), t (B,)) -> velocity (B, *shape), such as `VelocityMLP`.
    """

    from_weights = ("teacher", "fake")  # the parts that begin with a teacher's weights
    entries = ("fake_velocity",)  # called in the place of the network, in training

    def __init__(self, teacher: nn.Module) -> None:
        super().__init__()
        self.fake = copy.deepcopy(teacher)
        self.teacher = teacher.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> ScorePair:
        """Set the mode of the fake score; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def fake_velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the velocity of the generator's samples (B, *shape) at x (B, *shape) and times t (B,)."""
        return self.fake(x, t)

    def forward(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the teacher and the fake score take for the clean samples of x (B, *shape) at times t (B,)."""
        return denoised(self.teacher, x, t), denoised(self.fake, x, t)


def denoised(network: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """Return the clean samples x_t - t v(x_t, t) that a velocity expects behind x (B, *shape) at times t (B,)."""
    return x - t.to(x.dtype).view(-1, *[1] * (x.dim() - 1)) * network(x, t)


def matching_loss(pair: nn.Module, y: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Return 1/2 mean |y - sg(y - g)|^2 with g = (fake - real) / mean |y - real|, whose gradient in y is g / numel(y).

    DMD2, equations 1 and 2, with the weight of Yin et al. 2024 (DMD, https://arxiv.org/abs/2311.18828), equation 8.

    Args:
        pair: (x_t, t) -> the clean samples that the teacher and the fake score expect, ``real`` and ``fake``.
        y: samples of the generator, (B, *shape), with their graph.
        t: times (B,).
        noise: (B, *shape).
    """
    with torch.no_grad():
        real, fake = pair(noised(y, t, noise), t)
        scale = (y - real).abs().flatten(1).mean(1).clamp_min(1e-8)
        target = y - (fake - real) / scale.view(-1, *[1] * (y.dim() - 1))
    return 0.5 * (y - target).square().mean()
