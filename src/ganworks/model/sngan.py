"""SNGAN with the projection discriminator: residual networks at 32, 64 and 128 pixels."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial

from ganworks.model.class_resnet import (
    ClassResnetDiscriminator,
    ClassResnetGenerator,
    halvings,
    widths_of,
)
from ganworks.model.layer.class_norm import Norms
from ganworks.model.layer.initial import init_glorot
from ganworks.model.layer.residual import DownBlock, UpBlock
from ganworks.model.layer.spectral import Layers, PowerIteration

# In units of `width`, by resolution. The 32-pixel network has 256 channels in G and 128 in D at width 64.
GENERATOR = {32: (4, 4, 4, 4), 64: (16, 8, 4, 2, 1), 128: (16, 16, 8, 4, 2, 1)}
DISCRIMINATOR = {32: (2, 2, 2, 2), 64: (1, 2, 4, 8, 16), 128: (1, 2, 4, 8, 16, 16)}
SMALLEST = {32: 8, 64: 2, 128: 4}  # side of the discriminator's last map


class SNGANGenerator(ClassResnetGenerator):
    """Residual blocks with batch norm from 4x4 up, no spectral norm.

    Miyato et al. 2018, tables 4 and 5 (https://arxiv.org/abs/1802.05957). A conditional one has a gain and a shift for
    each class in both norms of a block, Miyato and Koyama 2018 (https://arxiv.org/abs/1802.05637); the last norm is
    plain.

    Args:
        shape: (C, R, R), R 32, 64 or 128.
        latent_dim: length of a latent.
        num_classes: 0 for unconditional.
        width: channels of the largest map at 64 and 128 pixels, a quarter of all maps' at 32.
        norm_eps, norm_momentum: of the batch norms, Chainer's.

    Raises:
        SettingError: ``resolution``, or a setting out of its range.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 128,
        num_classes: int = 0,
        width: int = 64,
        norm_eps: float = 2e-5,
        norm_momentum: float = 0.1,
    ) -> None:
        _, widths = widths_of(GENERATOR, shape, width, "SNGAN")
        layers, norms = Layers(), Norms(norm_eps, norm_momentum)
        stage = partial(UpBlock, layers=layers, norm=norms.of_classes(num_classes))
        super().__init__(shape, latent_dim, num_classes, latent_dim, widths, stage, layers, norms, 0)
        init_glorot(self, UpBlock)


class SNGANDiscriminator(ClassResnetDiscriminator):
    """Residual blocks with spectral norm, sum over the positions, projection of the class.

    Miyato et al. 2018, tables 4 and 6; Miyato and Koyama 2018, figure 14. A block is as wide inside as its input.

    Args:
        shape: (C, R, R), R 32, 64 or 128.
        num_classes: 0 for unconditional.
        width: channels of the first block at 64 and 128 pixels, half of all blocks' at 32.
        spectral_eps: added to the lengths of u and v.

    Raises:
        SettingError: ``resolution``, or a setting out of its range.
    """

    def __init__(
        self, shape: Sequence[int], num_classes: int = 0, width: int = 64, spectral_eps: float = 1e-12
    ) -> None:
        resolution, widths = widths_of(DISCRIMINATOR, shape, width, "SNGAN")
        layers = Layers(PowerIteration(spectral_eps, "add"))
        is_down, sides = halvings(resolution, len(widths), SMALLEST[resolution])
        first = DownBlock(shape[0], widths[0], layers, widths[0], is_first=True)
        pairs = zip(itertools.pairwise(widths), is_down[1:], strict=True)
        others = [
            DownBlock(num_in, num_out, layers, num_in, is_down=down) for (num_in, num_out), down in pairs
        ]
        bias = resolution != 32  # the 32-pixel network alone has none in its last layer
        super().__init__(shape, num_classes, [first, *others], sides, widths, layers, bias=bias)
        init_glorot(self, DownBlock)
