"""Differentiable augmentation: callables from (B, C, H, W) and a generator of noise to (B, C, H, W)."""

from ganworks.augment.identity import Identity

__all__ = ["Identity"]
