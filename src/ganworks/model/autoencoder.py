"""Discriminators that are autoencoders: what they rebuild badly is fake."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ganworks.errors import check_count
from ganworks.model.base import Discriminator, Generator
from ganworks.model.layer.shape import check_image_shape, map_size

SIDE = 8  # of the smallest maps, as in the paper


class Autoencoder(Discriminator):
    """Logits -mean |x - D(x)| (B,) of an autoencoder D, beside the ``reconstruction`` D(x) (B, *shape).

    Berthelot et al. 2017 (BEGAN), equation 1 with exponent 1 (https://arxiv.org/abs/1703.10717).
    """

    last_layers: ClassVar[tuple[str, ...]] = ("",)  # no layer makes the logits

    @abstractmethod
    def reconstruct(self, x: Tensor) -> Tensor:
        """Return what is left of samples (B, *shape) behind the narrow code, (B, *shape)."""

    def forward(self, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        made = self.reconstruct(x)
        error = (x - made).to(torch.promote_types(made.dtype, torch.float32)).abs()
        return {"logits": -error.flatten(1).mean(1), "reconstruction": made}


class Decoder(nn.Module):
    """A code (B, code_dim) to an image (B, *shape): pairs of 3x3 convolutions with ELU from 8x8 up, nearest neighbours.

    Berthelot et al. 2017 (BEGAN), section 3.5: no norm, and all maps have ``width`` channels.
    """

    def __init__(self, shape: Sequence[int], code_dim: int, width: int) -> None:
        super().__init__()
        channels, resolution = check_image_shape(shape)
        size = map_size(shape, SIDE)
        self.project = nn.Linear(code_dim, width * math.prod(size))
        layers: list[nn.Module] = [nn.Unflatten(1, (width, *size)), *convs(width)]
        for _ in range(num_halvings(resolution)):
            layers += [nn.Upsample(scale_factor=2), *convs(width)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, channels, 3, padding=1))

    def forward(self, code: Tensor) -> Tensor:
        """Return the images of codes."""
        return self.layers(self.project(code))


class BEGANDiscriminator(Autoencoder):
    """Encoder and decoder of 3x3 convolutions with ELU; the channels grow by ``width`` as the side halves, to 8x8.

    Berthelot et al. 2017, section 3.5 (https://arxiv.org/abs/1703.10717): width 64 or 128, a code of 64 numbers.

    Args:
        shape: (C, R, R), R a power of two from 8 up, or a rectangle; see `check_image_shape`.
        width: channels at full resolution, and of all maps of the decoder.
        code_dim: length of the code.
    """

    def __init__(self, shape: Sequence[int], width: int = 64, code_dim: int = 64) -> None:
        super().__init__(shape)
        channels, resolution = check_image_shape(self.shape)
        width, code_dim = check_count("width", width), check_count("code_dim", code_dim)
        sizes = [width * level for level in range(1, num_halvings(resolution) + 2)]
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.ELU(), *convs(width)]
        for num_in, num_out in itertools.pairwise(sizes):
            layers += [nn.Conv2d(num_in, num_out, 3, stride=2, padding=1), nn.ELU(), *convs(num_out)]
        self.encoder = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(sizes[-1] * math.prod(map_size(shape, SIDE)), code_dim)
        )
        self.decoder = Decoder(self.shape, code_dim, width)

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


class BEGANGenerator(Generator):
    """The decoder of `BEGANDiscriminator`, with weights of its own, without a tanh at its end as in the paper.

    Berthelot et al. 2017, section 3.5. Its latents are normal like those of all generators here, not uniform.

    Args:
        shape: (C, R, R), R a power of two from 8 up, or a rectangle; see `check_image_shape`.
        latent_dim: length of a latent.
        width: channels of all maps.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int = 64, width: int = 64) -> None:
        super().__init__(shape, latent_dim)
        self.decoder = Decoder(self.shape, latent_dim, check_count("width", width))

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return self.decoder(latent)


class MLPAutoencoder(Autoencoder):
    """Leaky ReLU layers of one width to a code and back, for vectors and flattened images.

    Args:
        shape: (D,) or (C, H, W), any sizes.
        width: units of a hidden layer.
        depth: hidden layers of the encoder, and of the decoder.
        code_dim: length of the code; as long as a sample it can rebuild everything, and tells nothing apart.
    """

    def __init__(self, shape: Sequence[int], width: int = 256, depth: int = 2, code_dim: int = 1) -> None:
        super().__init__(shape)
        width, code_dim = check_count("width", width), check_count("code_dim", code_dim)
        size, hidden = math.prod(self.shape), [width] * check_count("depth", depth)
        self.layers = nn.Sequential(*dense([size, *hidden, code_dim]), *dense([code_dim, *hidden, size]))

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(1)).view(-1, *self.shape)


def convs(width: int, num: int = 2) -> list[nn.Module]:
    """Return 3x3 convolutions with ELU that keep the size."""
    pairs = [[nn.Conv2d(width, width, 3, padding=1), nn.ELU()] for _ in range(num)]
    return [layer for pair in pairs for layer in pair]


def dense(sizes: Sequence[int]) -> list[nn.Module]:
    """Return linear layers with leaky ReLU between them."""
    layers: list[nn.Module] = []
    for num_in, num_out in itertools.pairwise(sizes):
        layers += [nn.Linear(num_in, num_out), nn.LeakyReLU(0.2)]
    return layers[:-1]


def num_halvings(resolution: int) -> int:
    """Return how often a side halves on its way to 8."""
    return int(math.log2(resolution // SIDE))
