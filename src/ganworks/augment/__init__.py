"""Differentiable augmentation of what the discriminator sees."""

from ganworks.augment.base import Augment, AugmentFunction, as_module, identity
from ganworks.augment.diffaugment import Color, Compose, Cutout, Translation

__all__ = [
    "Augment",
    "AugmentFunction",
    "Color",
    "Compose",
    "Cutout",
    "Translation",
    "as_module",
    "identity",
]
