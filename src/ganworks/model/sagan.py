"""SAGAN: class-conditional residual networks with self-attention, spectral norm in both."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial

from ganworks.model.class_resnet import (
    DISCRIMINATOR_WIDTHS,
    GENERATOR_WIDTHS,
    ClassResnetDiscriminator,
    ClassResnetGenerator,
    attention_side,
    halvings,
    widths_of,
)
from ganworks.model.layer.class_norm import Norms
from ganworks.model.layer.initial import init_glorot
from ganworks.model.layer.residual import DownBlock, UpBlock
from ganworks.model.layer.spectral import Layers, PowerIteration

RESOLUTIONS = (32, 64, 128)  # the paper has 128; the tables of BigGAN continue it downwards
ATTENTION = 32  # side of the map that attends to itself in the authors' networks


class SAGANGenerator(ClassResnetGenerator):
    """Residual blocks with spectral norm and conditional batch norm from 4x4 up, attention on one map.

    Zhang et al. 2019 (https://arxiv.org/abs/1805.08318), with the sizes of the authors' code.

    Args:
        shape: (C, R, R), R 32, 64 or 128.
        latent_dim: length of a latent.
        num_classes: 0 for unconditional.
        width: channels of the largest map at 128 pixels.
        attention: side of the map that attends to itself, 0 for none; None: 32, or half of a smaller image's side.
        spectral_eps: added to the lengths of u and v.
        norm_eps, norm_momentum: of the batch norms; the authors' momentum is .001.

    Raises:
        SettingError: ``resolution``, ``attention``, or a setting out of its range.
    """

    usual_attention = ATTENTION

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 128,
        num_classes: int = 0,
        width: int = 64,
        attention: int | None = None,
        spectral_eps: float = 1e-12,
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
    ) -> None:
        table = {side: GENERATOR_WIDTHS[side] for side in RESOLUTIONS}
        resolution, widths = widths_of(table, shape, width, "SAGAN")
        layers, norms = (
            Layers(PowerIteration(spectral_eps, "add", through_vectors=True)),
            Norms(norm_eps, norm_momentum),
        )
        stage = partial(UpBlock, layers=layers, norm=norms.of_classes(num_classes))
        at = attention_side(attention, resolution, ATTENTION)
        super().__init__(shape, latent_dim, num_classes, latent_dim, widths, stage, layers, norms, at)
        init_glorot(self)


class SAGANDiscriminator(ClassResnetDiscriminator):
    """Residual blocks with spectral norm, attention on one map, sum over the positions, projection of the class.

    Zhang et al. 2019 (https://arxiv.org/abs/1805.08318). A block is as wide inside as its output.

    Args:
        shape: (C, R, R), R 32, 64 or 128.
        num_classes: 0 for unconditional.
        width: channels of the first block at 64 and 128 pixels, a quarter of all blocks' at 32.
        attention: side of the map that attends to itself, 0 for none; None: 32, or half of a smaller image's side.
        spectral_eps: added to the lengths of u and v.

    Raises:
        SettingError: ``resolution``, ``attention``, or a setting out of its range.
    """

    usual_attention = ATTENTION

    def __init__(
        self,
        shape: Sequence[int],
        num_classes: int = 0,
        width: int = 64,
        attention: int | None = None,
        spectral_eps: float = 1e-12,
    ) -> None:
        table = {side: DISCRIMINATOR_WIDTHS[side] for side in RESOLUTIONS}
        resolution, widths = widths_of(table, shape, width, "SAGAN")
        layers = Layers(PowerIteration(spectral_eps, "add", through_vectors=True))
        stages, sides = wide_stages(shape, resolution, widths, layers)
        at = attention_side(attention, resolution, ATTENTION)
        super().__init__(shape, num_classes, stages, sides, widths, layers, at)
        init_glorot(self)


def wide_stages(
    shape: Sequence[int], resolution: int, widths: Sequence[int], layers: Layers, hidden: str = "output"
) -> tuple[list[DownBlock], list[int]]:
    """Return the blocks of a SAGAN's or BigGAN's discriminator, and the sides of their outputs.

    The last block keeps the 4x4 map, the last two of 32-pixel networks the 8x8 map.

    Args:
        hidden: a block is inside as wide as its "output" or its "input".
    """
    is_down, sides = halvings(resolution, len(widths), smallest=8 if resolution == 32 else 4)
    pairs = itertools.pairwise([shape[0], *widths])
    stages = [
        DownBlock(num_in, num_out, layers, num_out if hidden == "output" else num_in, down, place == 0)
        for place, ((num_in, num_out), down) in enumerate(zip(pairs, is_down, strict=True))
    ]
    return stages, sides
