"""BigGAN: wide residual networks with a shared class embedding and a latent for every block."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from ganworks.errors import SettingError, check_choice, check_count
from ganworks.model.base import require_label
from ganworks.model.class_resnet import (
    DISCRIMINATOR_WIDTHS,
    GENERATOR_WIDTHS,
    ClassResnetDiscriminator,
    ClassResnetGenerator,
    attention_side,
    joined,
    widths_of,
)
from ganworks.model.layer.class_norm import MakeNorm, Norms
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.initial import init_weights
from ganworks.model.layer.residual import UpBlock
from ganworks.model.layer.spectral import Layers, PowerIteration
from ganworks.model.sagan import wide_stages

ATTENTION = 64  # side of the map that attends to itself: Brock et al. 2019, section 3
CHUNK = 20  # length of a block's part of the latent: 120 at 128 pixels, 140 at 256, 160 at 512


class BigGANGenerator(ClassResnetGenerator):
    """Residual blocks with spectral norm, whose batch norms see the class and a part of the latent.

    Brock et al. 2019, section 3 and appendix B (https://arxiv.org/abs/1809.11096). The latent is split in equal parts,
    the first for the dense layer, the i-th after the class vector for block i.

    Args:
        shape: (C, R, R), R 32, 64, 128, 256 or 512.
        latent_dim: length of a latent; None: 20 for each part, 128 where it is not split.
        num_classes: 0 for unconditional.
        width: channels of the largest map from 128 pixels up, a quarter of all maps' at 32.
        shared_dim: length of the one embedding that all norms share; 0: each norm has an embedding of its own
            (BigGAN-PyTorch's setting for CIFAR-10), and the latent is not split.
        hierarchical: split the latent.
        attention: side of the map that attends to itself, 0 for none; None: 64, or half of a smaller image's side.
        init: "orthogonal", "normal" (N(0, .02)) or "xavier".
        spectral_eps: least length of u and v.
        norm_eps, norm_momentum: of the batch norms; the paper's eps is 1e-4.

    Raises:
        SettingError: ``resolution``, ``attention``, ``latent_dim``, or a setting out of its range.
    """

    usual_attention = ATTENTION

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int | None = None,
        num_classes: int = 0,
        width: int = 96,
        shared_dim: int = 128,
        hierarchical: bool = True,
        attention: int | None = None,
        init: str = "orthogonal",
        spectral_eps: float = 1e-6,
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
    ) -> None:
        resolution, widths = widths_of(GENERATOR_WIDTHS, shape, width, "BigGAN")
        shared_dim = check_count("shared_dim", shared_dim, at_least=0)
        num_parts = len(widths) if hierarchical and shared_dim else 1
        latent_dim = latent_length(latent_dim, num_parts)
        layers, norms = Layers(PowerIteration(spectral_eps)), Norms(norm_eps, norm_momentum)
        num_first = latent_dim // num_parts
        norm = norms_of(norms, layers, num_classes, shared_dim, num_first if num_parts > 1 else 0)
        stage = partial(UpBlock, layers=layers, norm=norm)
        at = attention_side(attention, resolution, ATTENTION)
        super().__init__(shape, latent_dim, num_classes, num_first, widths, stage, layers, norms, at)
        self.num_parts = num_parts
        self.shared = ConditionEmbedding(num_classes, shared_dim) if num_classes and shared_dim else None
        init_weights(self, init)

    def split(self, latent: Tensor, label: Tensor | None) -> tuple[Tensor, list[Tensor | None]]:
        condition = require_label(label) if self.num_classes else None
        if self.shared is not None and condition is not None:
            condition = self.shared(condition)
        if self.num_parts == 1:
            return latent, [condition] * len(self.stages)
        first, *others = latent.chunk(self.num_parts, dim=1)
        return first, [joined(condition, part) for part in others]


class BigGANDiscriminator(ClassResnetDiscriminator):
    """Residual blocks with spectral norm, attention on one map, sum over the positions, projection of the class.

    Brock et al. 2019, appendix B (https://arxiv.org/abs/1809.11096).

    Args:
        shape: (C, R, R), R 32, 64, 128, 256 or 512.
        num_classes: 0 for unconditional.
        width: channels of the first block from 64 pixels up, a quarter of all blocks' at 32.
        attention: side of the map that attends to itself, 0 for none; None: 64, or half of a smaller image's side.
        init: "orthogonal", "normal" (N(0, .02)) or "xavier".
        hidden: a block is inside as wide as its "output", or its "input" (BigGAN-PyTorch's SNGAN).
        spectral_eps: least length of u and v.

    Raises:
        SettingError: ``resolution``, ``attention``, or a setting out of its range.
    """

    usual_attention = ATTENTION

    def __init__(
        self,
        shape: Sequence[int],
        num_classes: int = 0,
        width: int = 96,
        attention: int | None = None,
        init: str = "orthogonal",
        hidden: str = "output",
        spectral_eps: float = 1e-6,
    ) -> None:
        resolution, widths = widths_of(DISCRIMINATOR_WIDTHS, shape, width, "BigGAN")
        check_choice("hidden", hidden, ("output", "input"))
        layers = Layers(PowerIteration(spectral_eps))
        stages, sides = wide_stages(shape, resolution, widths, layers, hidden)
        at = attention_side(attention, resolution, ATTENTION)
        super().__init__(shape, num_classes, stages, sides, widths, layers, at)
        init_weights(self, init)


def latent_length(latent_dim: int | None, num_parts: int) -> int:
    """Return the length of a latent that is split into ``num_parts``.

    Raises:
        SettingError: ``latent_dim``, one that does not split.
    """
    if latent_dim is None:
        return CHUNK * num_parts if num_parts > 1 else 128
    if check_count("latent_dim", latent_dim) % num_parts:
        near = max(1, round(latent_dim / num_parts)) * num_parts
        allowed = f"a multiple of {num_parts}, one part for the 4x4 map and one for each block; the nearest is {near}"
        raise SettingError("latent_dim", latent_dim, allowed)
    return latent_dim


def norms_of(norms: Norms, layers: Layers, num_classes: int, shared_dim: int, num_latent: int) -> MakeNorm:
    """Return what makes the norms of the blocks: linear maps of [class vector, latent], or embeddings of the class."""
    if num_classes and not shared_dim:
        return norms.of_embeddings(num_classes)
    return norms.of_vectors((shared_dim if num_classes else 0) + num_latent, layers)
