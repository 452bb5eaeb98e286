"""BigGAN-deep: bottleneck blocks, two for each resolution, every batch norm sees the class and the whole latent."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from ganworks.errors import check_count
from ganworks.model.base import require_label
from ganworks.model.biggan import ATTENTION
from ganworks.model.class_resnet import (
    DISCRIMINATOR_WIDTHS,
    GENERATOR_WIDTHS,
    ClassResnetDiscriminator,
    ClassResnetGenerator,
    attention_side,
    halvings,
    joined,
    widths_of,
)
from ganworks.model.layer.class_norm import MakeNorm, Norms
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.initial import init_weights
from ganworks.model.layer.residual import DeepDownBlock, DeepUpBlock
from ganworks.model.layer.spectral import Layers, PowerIteration

WIDTHS = {side: widths for side, widths in GENERATOR_WIDTHS.items() if side > 32}


class DeepUpStage(nn.ModuleList):
    """Blocks of one resolution, of which the last doubles the side and changes the channels."""

    def __init__(
        self, num_in: int, num_out: int, layers: Layers, norm: MakeNorm, num_blocks: int = 2
    ) -> None:
        kept = [DeepUpBlock(num_in, num_in, layers, norm) for _ in range(num_blocks - 1)]
        super().__init__([*kept, DeepUpBlock(num_in, num_out, layers, norm, is_up=True)])

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        for block in self:
            x = block(x, condition)
        return x


class BigGANDeepGenerator(ClassResnetGenerator):
    """Bottleneck blocks with spectral norm; the class vector and the latent go into every batch norm.

    Brock et al. 2019, appendix B and table 7 (https://arxiv.org/abs/1809.11096).

    Args:
        shape: (C, R, R), R 64, 128, 256 or 512.
        latent_dim: length of a latent.
        num_classes: 0 for unconditional.
        width: channels of the largest map from 128 pixels up.
        shared_dim: length of the class embedding.
        num_blocks: blocks for each resolution.
        attention: side of the map that attends to itself, 0 for none; None: 64, or half of a smaller image's side.
        init: "orthogonal", "normal" (N(0, .02)) or "xavier".
        spectral_eps: least length of u and v; DeepMind's 1e-4.
        norm_eps, norm_momentum: of the batch norms; DeepMind's eps is 1e-4.

    Raises:
        SettingError: ``resolution``, ``attention``, or a setting out of its range.
    """

    usual_attention = ATTENTION

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 128,
        num_classes: int = 0,
        width: int = 128,
        shared_dim: int = 128,
        num_blocks: int = 2,
        attention: int | None = None,
        init: str = "orthogonal",
        spectral_eps: float = 1e-6,
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
    ) -> None:
        resolution, widths = widths_of(WIDTHS, shape, width, "BigGAN-deep")
        check_count("shared_dim", shared_dim)
        check_count("num_blocks", num_blocks)
        layers, norms = Layers(PowerIteration(spectral_eps)), Norms(norm_eps, norm_momentum)
        num_first = check_count("latent_dim", latent_dim) + (shared_dim if num_classes else 0)
        norm = norms.of_vectors(num_first, layers)

        def stage(num_in: int, num_out: int) -> DeepUpStage:
            return DeepUpStage(num_in, num_out, layers, norm, num_blocks)

        at = attention_side(attention, resolution, ATTENTION)
        super().__init__(shape, latent_dim, num_classes, num_first, widths, stage, layers, norms, at)
        self.shared = ConditionEmbedding(num_classes, shared_dim) if num_classes else None
        init_weights(self, init)

    def split(self, latent: Tensor, label: Tensor | None) -> tuple[Tensor, list[Tensor | None]]:
        vector = None if self.shared is None else self.shared(require_label(label))
        first = joined(vector, latent)
        assert first is not None
        return first, [first] * len(self.stages)


class BigGANDeepDiscriminator(ClassResnetDiscriminator):
    """Bottleneck blocks with spectral norm, attention on one map, sum over the positions, projection of the class.

    Brock et al. 2019, appendix B and table 7 (https://arxiv.org/abs/1809.11096).

    Args:
        shape: (C, R, R), R 64, 128, 256 or 512.
        num_classes: 0 for unconditional.
        width: channels of the first convolution.
        num_blocks: blocks for each resolution, of which the first halves the side and changes the channels.
        attention: side of the map that attends to itself, 0 for none; None: 64, or half of a smaller image's side.
        init: "orthogonal", "normal" (N(0, .02)) or "xavier".
        spectral_eps: least length of u and v.

    Raises:
        SettingError: ``resolution``, ``attention``, or a setting out of its range.
    """

    usual_attention = ATTENTION

    def __init__(
        self,
        shape: Sequence[int],
        num_classes: int = 0,
        width: int = 128,
        num_blocks: int = 2,
        attention: int | None = None,
        init: str = "orthogonal",
        spectral_eps: float = 1e-6,
    ) -> None:
        table = {side: DISCRIMINATOR_WIDTHS[side] for side in WIDTHS}
        resolution, widths = widths_of(table, shape, width, "BigGAN-deep")
        check_count("num_blocks", num_blocks)
        layers = Layers(PowerIteration(spectral_eps))
        _, sides = halvings(resolution, len(widths) - 1)
        stages = [
            down_stage(num_in, num_out, layers, num_blocks) for num_in, num_out in itertools.pairwise(widths)
        ]
        at, stem = attention_side(attention, resolution, ATTENTION), layers.conv(shape[0], widths[0], 3)
        super().__init__(shape, num_classes, stages, sides, widths[1:], layers, at, stem=stem)
        init_weights(self, init)


def down_stage(num_in: int, num_out: int, layers: Layers, num_blocks: int) -> nn.Sequential:
    """Return the blocks of one resolution, of which the first halves the side and changes the channels."""
    first = DeepDownBlock(num_in, num_out, layers, is_down=True)
    return nn.Sequential(first, *(DeepDownBlock(num_out, num_out, layers) for _ in range(num_blocks - 1)))
