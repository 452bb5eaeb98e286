"""ADA's changes of colour: one affine map of a sample's pixels.

Karras et al. 2020 (ADA), appendix B, https://arxiv.org/abs/2006.06676.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ganworks.augment.matrix import matrix
from ganworks.errors import SettingError

BRIGHTNESS = 0.2  # deviation of the offset
CONTRAST = 0.5  # deviation of the factor's binary logarithm
GRAY = torch.full((3,), 1 / math.sqrt(3.0))  # the axis of gray
CHROMA = torch.eye(3) - torch.outer(GRAY, GRAY)  # what is orthogonal to it


def hue(u: Tensor) -> Tensor:
    """Return rotations (B, 3, 3) around the axis of gray by U(-pi, pi), from U(0, 1) (B,): Rodrigues' formula."""
    angle = (math.pi * (2 * u - 1)).view(-1, 1, 1)
    side = float(GRAY[0])
    cross = matrix((0.0, -side, side), (side, 0.0, -side), (-side, side, 0.0))
    return torch.eye(3) + angle.sin() * cross + (angle.cos() - 1) * CHROMA


# Of a value (B,), (B, 3, 3): the identity and a difference, so that the neutral value is the identity to the bit.
LINEAR: dict[str, Callable[[Tensor], Tensor]] = {
    "contrast": lambda n: torch.eye(3) * (2 ** (CONTRAST * n)).view(-1, 1, 1),
    "lumaflip": lambda u: torch.eye(3) - 2 * torch.outer(GRAY, GRAY) * (2 * u).floor().view(-1, 1, 1),
    "hue": hue,
    "saturation": lambda n: torch.eye(3) + CHROMA * (2**n - 1).view(-1, 1, 1),
}


def color_map(values: Mapping[str, Tensor]) -> Tensor | None:
    """Return (B, 3, 4): a linear map of red, green and blue, and an offset; None where no color is among ``values``."""
    if "brightness" not in values and not values.keys() & LINEAR.keys():
        return None
    offset = (BRIGHTNESS * values.get("brightness", torch.zeros(1))).view(-1, 1, 1).expand(-1, 3, 1)
    found = torch.cat([torch.eye(3).expand(len(offset), 3, 3), offset], 2)
    for name, linear in LINEAR.items():
        if name in values:
            found = linear(values[name]) @ found
    return found


def num_colors(channels: int) -> int:
    """Return how many channels are colors: of two and of four the last is opacity, which no change of color touches.

    Raises:
        SettingError: more than four channels, of which nobody says which are red, green and blue.
    """
    if channels > 4:
        told = "0: of more than 4 channels nothing says which are red, green and blue"
        raise SettingError("color", f"above 0 for images of {channels} channels", told)
    return channels - (channels in (2, 4))


def recolored(x: Tensor, maps: Tensor) -> Tensor:
    """Return images (B, C, ...) with the colors that ``maps`` (B, 3, 4) gives them; grey ones by the rows' mean.

    The official pipeline has images of one and of three channels; opacity behind them stays what it is.
    """
    num = num_colors(x.shape[1])
    maps = maps.to(x, non_blocking=True)
    colors, opacity = x[:, :num], x[:, num:]
    if num == 1:
        row = maps.mean(1)
        factor, offset = row[:, :3].sum(1), row[:, 3]
        one_each = (-1, *[1] * (x.dim() - 1))
        colors = colors * factor.view(one_each) + offset.view(one_each)
    else:
        colors = torch.baddbmm(maps[:, :, 3:], maps[:, :, :3], colors.flatten(2)).view(colors.shape)
    return torch.cat([colors, opacity], 1) if opacity.shape[1] else colors
