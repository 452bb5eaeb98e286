"""Networks: pairs of a generator and a discriminator, sized by their arguments."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.model.base import Discriminator, Generator
    from ganworks.model.bending_translator import BendingTranslator
    from ganworks.model.dcgan import DCGANDiscriminator, DCGANGenerator
    from ganworks.model.mlp import MLPDiscriminator, MLPGenerator
    from ganworks.model.patch import PatchDiscriminator
    from ganworks.model.resnet import ResnetDiscriminator, ResnetGenerator
    from ganworks.model.resnet_translator import ContrastiveTranslator, ResnetTranslator
    from ganworks.model.translator import Translator
    from ganworks.model.unet import ResidualUNet, UNetGenerator
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "BendingTranslator",
    "ContrastiveTranslator",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "Discriminator",
    "Generator",
    "MLPDiscriminator",
    "MLPGenerator",
    "PatchDiscriminator",
    "ResidualUNet",
    "ResnetDiscriminator",
    "ResnetGenerator",
    "ResnetTranslator",
    "Translator",
    "UNetGenerator",
]
