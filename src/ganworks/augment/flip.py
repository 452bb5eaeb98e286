"""Mirrored images."""

from __future__ import annotations

import torch
from torch import Tensor

from ganworks.augment.base import Augment
from ganworks.augment.diffaugment import check_images
from ganworks.errors import check_range


class Flip(Augment):
    """Mirror each image or clip left to right with a probability.

    Args:
        probability: from 0 to 1.
    """

    def __init__(self, probability: float = 0.5) -> None:
        super().__init__()
        self.probability = check_range("probability", probability, 0.0, 1.0)

    def forward(self, x: Tensor, rng: torch.Generator) -> Tensor:
        check_images(x)
        is_flipped = torch.rand(len(x), generator=rng, device=rng.device) < self.probability
        return x.flip(-1).where(is_flipped.to(x.device).view(-1, *[1] * (x.dim() - 1)), x)

    def extra_repr(self) -> str:
        return f"probability={self.probability}"
