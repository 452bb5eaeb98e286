"""Networks: pairs of a generator and a discriminator, sized by their arguments."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.model.autoencoder import (
        Autoencoder,
        BEGANDiscriminator,
        BEGANGenerator,
        MLPAutoencoder,
    )
    from ganworks.model.base import Discriminator, Generator
    from ganworks.model.bending_translator import BendingTranslator
    from ganworks.model.biggan import BigGANDiscriminator, BigGANGenerator
    from ganworks.model.biggan_deep import BigGANDeepDiscriminator, BigGANDeepGenerator
    from ganworks.model.codes import Coded, Codes
    from ganworks.model.dcgan import DCGANDiscriminator, DCGANGenerator
    from ganworks.model.fastgan import FastGANGenerator
    from ganworks.model.fastgan_discriminator import FastGANDiscriminator
    from ganworks.model.flow import FlowGenerator, VelocityMLP
    from ganworks.model.maxout import MaxoutDiscriminator
    from ganworks.model.mlp import MLPDiscriminator, MLPGenerator
    from ganworks.model.mocogan import MoCoGANGenerator
    from ganworks.model.patch import PatchDiscriminator
    from ganworks.model.projected import ProjectedDiscriminator
    from ganworks.model.r3gan import R3GANDiscriminator, R3GANGenerator
    from ganworks.model.recurrent import RecurrentGenerator, SeriesGenerator, TokenGenerator
    from ganworks.model.recurrent_critic import RecurrentCritic
    from ganworks.model.resnet import ResnetDiscriminator, ResnetGenerator
    from ganworks.model.resnet_translator import ContrastiveTranslator, ResnetTranslator
    from ganworks.model.sagan import SAGANDiscriminator, SAGANGenerator
    from ganworks.model.score_pair import ScorePair
    from ganworks.model.sngan import SNGANDiscriminator, SNGANGenerator
    from ganworks.model.sprite import SpriteGenerator
    from ganworks.model.stylegan2 import StyleGAN2Generator
    from ganworks.model.stylegan2_discriminator import StyleGAN2Discriminator
    from ganworks.model.stylegan3 import StyleGAN3Generator
    from ganworks.model.teacher_heads import TeacherHeads
    from ganworks.model.text_critic import TextCritic
    from ganworks.model.transformer import TransformerDiscriminator, TransformerGenerator
    from ganworks.model.translator import Translator
    from ganworks.model.unet import ResidualUNet, UNetGenerator
    from ganworks.model.video3d import ClipDiscriminator, Video3DGenerator
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "Autoencoder",
    "BEGANDiscriminator",
    "BEGANGenerator",
    "BendingTranslator",
    "BigGANDeepDiscriminator",
    "BigGANDeepGenerator",
    "BigGANDiscriminator",
    "BigGANGenerator",
    "ClipDiscriminator",
    "Coded",
    "Codes",
    "ContrastiveTranslator",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "Discriminator",
    "FastGANDiscriminator",
    "FastGANGenerator",
    "FlowGenerator",
    "Generator",
    "MLPAutoencoder",
    "MLPDiscriminator",
    "MLPGenerator",
    "MaxoutDiscriminator",
    "MoCoGANGenerator",
    "PatchDiscriminator",
    "ProjectedDiscriminator",
    "R3GANDiscriminator",
    "R3GANGenerator",
    "RecurrentCritic",
    "RecurrentGenerator",
    "ResidualUNet",
    "ResnetDiscriminator",
    "ResnetGenerator",
    "ResnetTranslator",
    "SAGANDiscriminator",
    "SAGANGenerator",
    "SNGANDiscriminator",
    "SNGANGenerator",
    "ScorePair",
    "SeriesGenerator",
    "SpriteGenerator",
    "StyleGAN2Discriminator",
    "StyleGAN2Generator",
    "StyleGAN3Generator",
    "TeacherHeads",
    "TextCritic",
    "TokenGenerator",
    "TransformerDiscriminator",
    "TransformerGenerator",
    "Translator",
    "UNetGenerator",
    "VelocityMLP",
    "Video3DGenerator",
]
