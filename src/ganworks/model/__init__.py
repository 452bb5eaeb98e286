"""Networks: pairs of a generator and a discriminator, sized by their arguments."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.model.base import Discriminator, Generator
    from ganworks.model.bending_translator import BendingTranslator
    from ganworks.model.dcgan import DCGANDiscriminator, DCGANGenerator
    from ganworks.model.mlp import MLPDiscriminator, MLPGenerator
    from ganworks.model.mocogan import MoCoGANGenerator
    from ganworks.model.patch import PatchDiscriminator
    from ganworks.model.r3gan import R3GANDiscriminator, R3GANGenerator
    from ganworks.model.recurrent import RecurrentCritic, RecurrentGenerator, SeriesGenerator, TokenGenerator
    from ganworks.model.resnet import ResnetDiscriminator, ResnetGenerator
    from ganworks.model.resnet_translator import ContrastiveTranslator, ResnetTranslator
    from ganworks.model.sprite import SpriteGenerator
    from ganworks.model.stylegan2 import StyleGAN2Generator
    from ganworks.model.stylegan2_discriminator import StyleGAN2Discriminator
    from ganworks.model.stylegan3 import StyleGAN3Generator
    from ganworks.model.text_critic import TextCritic
    from ganworks.model.translator import Translator
    from ganworks.model.unet import ResidualUNet, UNetGenerator
    from ganworks.model.video3d import ClipDiscriminator, Video3DGenerator
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "BendingTranslator",
    "ClipDiscriminator",
    "ContrastiveTranslator",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "Discriminator",
    "Generator",
    "MLPDiscriminator",
    "MLPGenerator",
    "MoCoGANGenerator",
    "PatchDiscriminator",
    "R3GANDiscriminator",
    "R3GANGenerator",
    "RecurrentCritic",
    "RecurrentGenerator",
    "ResidualUNet",
    "ResnetDiscriminator",
    "ResnetGenerator",
    "ResnetTranslator",
    "SeriesGenerator",
    "SpriteGenerator",
    "StyleGAN2Discriminator",
    "StyleGAN2Generator",
    "StyleGAN3Generator",
    "TextCritic",
    "TokenGenerator",
    "Translator",
    "UNetGenerator",
    "Video3DGenerator",
]
