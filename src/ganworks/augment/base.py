"""What an augmentation is, and the one that does nothing."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""From samples (B, C, H, W) and a generator of noise to the same shape, differentiable in the samples."""


def identity(x: Tensor, rng: torch.Generator) -> Tensor:
    """Return the samples (B, ...) as they are."""
    return x
