"""No augmentation."""

from __future__ import annotations

import torch
from torch import Tensor


class Identity:
    """Leaves the samples (B, ...) as they are."""

    def __call__(self, x: Tensor, rng: torch.Generator) -> Tensor:
        return x
