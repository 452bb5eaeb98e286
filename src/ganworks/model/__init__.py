"""Networks: pairs of a generator and a discriminator, sized by their arguments."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.model.base import Discriminator, Generator
    from ganworks.model.dcgan import DCGANDiscriminator, DCGANGenerator
    from ganworks.model.mlp import MLPDiscriminator, MLPGenerator
    from ganworks.model.recurrent import RecurrentCritic, RecurrentGenerator, SeriesGenerator, TokenGenerator
    from ganworks.model.resnet import ResnetDiscriminator, ResnetGenerator
    from ganworks.model.text_critic import TextCritic
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "DCGANDiscriminator",
    "DCGANGenerator",
    "Discriminator",
    "Generator",
    "MLPDiscriminator",
    "MLPGenerator",
    "RecurrentCritic",
    "RecurrentGenerator",
    "ResnetDiscriminator",
    "ResnetGenerator",
    "SeriesGenerator",
    "TextCritic",
    "TokenGenerator",
]
