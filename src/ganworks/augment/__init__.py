"""Differentiable augmentation: callables from (B, C, H, W) and a generator of noise to (B, C, H, W)."""

from ganworks.augment.base import Augment, identity
from ganworks.augment.diffaugment import Color, Compose, Cutout, Translation

__all__ = ["Augment", "Color", "Compose", "Cutout", "Translation", "identity"]
