"""Networks: pairs of a generator and a discriminator, sized by their arguments."""

from ganworks.model.base import Discriminator, Generator
from ganworks.model.dcgan import DCGANDiscriminator, DCGANGenerator
from ganworks.model.mlp import MLPDiscriminator, MLPGenerator
from ganworks.model.resnet import ResnetDiscriminator, ResnetGenerator

__all__ = [
    "DCGANDiscriminator",
    "DCGANGenerator",
    "Discriminator",
    "Generator",
    "MLPDiscriminator",
    "MLPGenerator",
    "ResnetDiscriminator",
    "ResnetGenerator",
]
