"""Differentiable augmentation of what the discriminator sees."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.augment.ada import Ada
    from ganworks.augment.adaptive import Adaptive
    from ganworks.augment.apa import Apa
    from ganworks.augment.base import Augment, AugmentFunction, as_module, identity
    from ganworks.augment.blur import Blur
    from ganworks.augment.diffaugment import Color, Compose, Cutout, Translation
    from ganworks.augment.diffusion import Diffusion
    from ganworks.augment.flip import Flip
    from ganworks.augment.noise import InstanceNoise
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "Ada",
    "Adaptive",
    "Apa",
    "Augment",
    "AugmentFunction",
    "Blur",
    "Color",
    "Compose",
    "Cutout",
    "Diffusion",
    "Flip",
    "InstanceNoise",
    "Translation",
    "as_module",
    "identity",
]
