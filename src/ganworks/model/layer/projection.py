"""Random, fixed mixing of feature maps over channels and scales."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ganworks.model.layer.shape import MAX_GROWTH


class RandomProjection(nn.Module):
    """Cross-channel and cross-scale mixing by 1x1 convolutions that are drawn once and never trained.

    Sauer et al. 2021 (projected GAN), section 3.2 (https://arxiv.org/abs/2111.01007). Channels: map i of the backbone
    to width 2^i. Scales, from the deepest map up: add what comes from below, enlarge bilinearly (corners aligned) to
    the next map's side, 1x1 convolution to half the channels; the shallowest map doubles its side. Weights are
    PyTorch's first ones; they are in the checkpoint.

    Args:
        channels: of the backbone's maps, from shallow to deep.
        width: channels of the shallowest mixed map.
        mix_scales: False leaves out the second mixing.

    Attributes:
        channels: of the projected maps.
    """

    def __init__(self, channels: Sequence[int], width: int = 64, mix_scales: bool = True) -> None:
        super().__init__()
        mixed = [width * min(2**place, MAX_GROWTH) for place in range(len(channels))]
        self.channel_mixing = nn.ModuleList(
            nn.Conv2d(before, after, 1) for before, after in zip(channels, mixed, strict=True)
        )
        self.channels = [mixed[0], *mixed[:-1]] if mix_scales else mixed
        self.scale_mixing = nn.ModuleList(
            nn.Conv2d(before, after, 1)
            for before, after in zip(mixed, self.channels if mix_scales else (), strict=mix_scales)
        )
        self.requires_grad_(False)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the projected maps (B, C_i, h_i, w_i) of the backbone's, from shallow to deep."""
        mixed = [conv(x) for conv, x in zip(self.channel_mixing, maps, strict=True)]
        if not len(self.scale_mixing):
            return mixed
        projected: list[Tensor] = []
        below: Tensor | None = None
        for place in reversed(range(len(mixed))):
            x = mixed[place] if below is None else below + mixed[place]
            size = mixed[place - 1].shape[2:] if place else [2 * side for side in x.shape[2:]]
            below = self.scale_mixing[place](F.interpolate(x, size=size, mode="bilinear", align_corners=True))
            projected.insert(0, below)
        return projected

    def sides(self, sides: Sequence[int]) -> list[int]:
        """Return the sides of the projected maps for those of the backbone's."""
        return [2 * sides[0], *sides[:-1]] if len(self.scale_mixing) else list(sides)
