"""Weight clipping."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError
from ganworks.regularizer.base import Regularizer


class WeightClip(Regularizer):
    """Clamp every parameter of the critic that is trained to [-bound, bound] after each of its steps.

    Arjovsky et al. 2017, algorithm 1 (https://arxiv.org/abs/1701.07875); the paper's bound is .01.

    Args:
        bound: above 0.
    """

    def __init__(self, bound: float) -> None:
        super().__init__()
        if not bound > 0:
            raise SettingError("bound", bound, "a number above 0")
        self.bound = bound

    @torch.no_grad()
    def project(self, network: nn.Module) -> None:
        parameters: list[Tensor] = [p for p in network.parameters() if p.requires_grad]
        torch._foreach_clamp_min_(parameters, -self.bound)
        torch._foreach_clamp_max_(parameters, self.bound)

    def extra_repr(self) -> str:
        return f"bound={self.bound}"
