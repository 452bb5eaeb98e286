"""Weight clipping."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError
from ganworks.regularizer.base import Regularizer


@dataclass
class WeightClip(Regularizer):
    """Clamp every parameter of the critic to [-bound, bound] after each of its steps.

    Arjovsky et al. 2017, algorithm 1 (https://arxiv.org/abs/1701.07875); the paper's bound is .01.

    Args:
        bound: above 0.
    """

    bound: float

    def __post_init__(self) -> None:
        if not self.bound > 0:
            raise SettingError("bound", self.bound, "a number above 0")

    @torch.no_grad()
    def project(self, discriminator: nn.Module) -> None:
        parameters: list[Tensor] = list(discriminator.parameters())
        torch._foreach_clamp_min_(parameters, -self.bound)
        torch._foreach_clamp_max_(parameters, self.bound)
