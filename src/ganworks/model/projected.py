"""The projected discriminator: small discriminators on randomly mixed features of a frozen network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganworks.errors import check_choice, check_count
from ganworks.model.base import Discriminator, require_label
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.head import Logit, class_term
from ganworks.model.layer.norm import output_norm
from ganworks.model.layer.power_iteration import with_power_iteration
from ganworks.model.layer.projection import RandomProjection
from ganworks.model.layer.shape import MAX_GROWTH

if TYPE_CHECKING:
    from ganworks.metric.extractor import Extractor, Lpips

END = 8  # side at which a head reads off its logits with a 4x4 convolution
EMBEDDING, CONDITION_MAPS = 128, 64
BLOCKS = ("plain", "separable")


class ProjectedDiscriminator(Discriminator):
    """Logits (B, K) of all heads: frozen network, random mixing, one head for each map.

    Sauer et al. 2021 (https://arxiv.org/abs/2111.01007). Only the heads learn. The frozen network is no part of the
    module: neither in checkpoints nor in the optimizer. The paper has hinge loss, no gradient penalty, DiffAugment
    with a cutout of .2, and the four stages of an EfficientNet, which ganworks has no loader for.

    Args:
        shape: (C, H, W) of the images.
        features: the extractor of a metric whose maps are judged, see `FeatureMaps`.
        num_classes: 0 for unconditional.
        layers: names of its layers; None takes up to four.
        width: channels of the shallowest mixed map; 64 in the paper.
        head: "plain" (4x4 convolutions of stride 2) or "separable" (lighter, for StyleGAN2's generator).
        norm: of the heads' blocks beside spectral norm: "batch" (the paper), "layer" or "none"; no batch norm under a
            per-sample penalty. "spectral" is "none".
        mix_scales: whether maps of different scales are mixed too.

    Raises:
        SettingError: ``features``, ``layers``, ``head``, ``norm`` or a count that it cannot have.
        GanworksError: the weights of the features are missing.
    """

    def __init__(
        self,
        shape: Sequence[int],
        features: Extractor | Lpips,
        num_classes: int = 0,
        layers: Sequence[str] | None = None,
        width: int = 64,
        head: str = "plain",
        norm: str = "batch",
        mix_scales: bool = True,
    ) -> None:
        from ganworks.metric.extractor.maps import FeatureMaps

        super().__init__(shape, num_classes)
        self.features = FeatureMaps(features, layers, self.shape)
        check_count("width", width)
        self.projection = RandomProjection(self.features.channels, width, mix_scales)
        self.heads = nn.ModuleList(
            MapHead(channels, widths_of(side, width), num_classes, head, norm, min(4, end_of(side)))
            for channels, side in zip(
                self.projection.channels, self.projection.sides(self.features.sides), strict=True
            )
        )

    @property
    def last_layers(self) -> list[str]:
        """The names of the layers that make the logits of an unconditional one."""
        return [f"heads.{place}.to_logits" for place in range(len(self.heads))]

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        maps = self.projection(self.features(x))
        return torch.cat([head(m, label).flatten(1) for head, m in zip(self.heads, maps, strict=True)], 1)


class MapHead(nn.Module):
    """A small discriminator of a feature map: blocks that halve its side, then a 4x4 convolution to logits.

    A conditional one takes <maps of the last convolution, leaky ReLU(A e)> / sqrt(their number), e an embedding of
    the class. Spectral norm in every convolution.

    Args:
        num_in: channels of the map.
        widths: channels behind each block.
        num_classes: 0 for unconditional.
        block: "plain" or "separable".
        norm: see `ProjectedDiscriminator`.
        kernel: side of the last convolution's kernel.
        num_embedding, num_condition_maps: length of e, and maps of a conditional one.
    """

    def __init__(
        self,
        num_in: int,
        widths: Sequence[int],
        num_classes: int = 0,
        block: str = "plain",
        norm: str = "batch",
        kernel: int = 4,
        num_embedding: int = EMBEDDING,
        num_condition_maps: int = CONDITION_MAPS,
    ) -> None:
        super().__init__()
        halve = plain_block if check_choice("head", block, BLOCKS) == "plain" else separable_block
        self.blocks = nn.Sequential(*(halve(*pair, norm) for pair in pairwise([num_in, *widths])))
        num_out = num_condition_maps if num_classes else 1
        self.to_logits = with_power_iteration(nn.Conv2d(widths[-1], num_out, kernel, bias=False))
        self.embedding = ConditionEmbedding(num_classes, num_embedding) if num_classes else None
        self.condition = nn.Linear(num_embedding, num_out) if num_classes else None
        self.logit = Logit() if num_classes else None

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Return logits (B, 1, h, w) of a map (B, num_in, H, W)."""
        maps = self.to_logits(self.blocks(x))
        if self.embedding is None or self.condition is None or self.logit is None:
            return maps
        weights = nn.functional.leaky_relu(self.condition(self.embedding(require_label(label))), 0.2)
        divisor = math.sqrt(maps.shape[1])
        return self.logit(class_term(maps, weights[:, :, None, None], dim=1, divisor=divisor))[:, None]


def plain_block(num_in: int, num_out: int, norm: str) -> nn.Sequential:
    """Return a 4x4 convolution of stride 2 with its norm and a leaky ReLU."""
    conv = with_power_iteration(nn.Conv2d(num_in, num_out, 4, stride=2, padding=1))
    return nn.Sequential(conv, output_norm(norm, num_out), nn.LeakyReLU(0.2))


def separable_block(num_in: int, num_out: int, norm: str) -> nn.Sequential:
    """Return a 3x3 convolution of each channel, one of 1x1 over them, a norm, a leaky ReLU, and a mean of 2x2."""
    depthwise = with_power_iteration(nn.Conv2d(num_in, num_in, 3, padding=1, groups=num_in, bias=False))
    pointwise = with_power_iteration(nn.Conv2d(num_in, num_out, 1, bias=False))
    return nn.Sequential(depthwise, pointwise, output_norm(norm, num_out), nn.LeakyReLU(0.2), nn.AvgPool2d(2))


def num_blocks(side: int) -> int:
    """Return how many halvings a map needs to the end, at least one: a single layer could only be linear.

    >>> [num_blocks(side) for side in (128, 112, 16, 8)]
    [4, 4, 1, 1]
    """
    return max(1, math.ceil(math.log2(side / END)))


def widths_of(side: int, width: int) -> list[int]:
    """Return the channels behind each block: they double to the end, where they are ``MAX_GROWTH`` times the width.

    >>> widths_of(128, 64), widths_of(16, 64)
    ([64, 128, 256, 512], [512])
    """
    num = num_blocks(side)
    return [width * max(1, MAX_GROWTH >> (num - 1 - place)) for place in range(num)]


def end_of(side: int) -> int:
    """Return the side behind the blocks, at least 1."""
    return max(1, side >> num_blocks(side))
