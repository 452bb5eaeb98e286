"""Images of any number of channels as gray or RGB: for pictures, and for networks that look at pictures."""

from __future__ import annotations

import torch
from torch import Tensor

VISIBLE = (1, 3)  # gray, RGB
OPACITY = (2, 4)  # channels of which the last is opacity
MOST_IN_PNG = 4


def visible(images: Tensor, below: float | Tensor = 1.0) -> Tensor:
    """Return images (B, C, H, W) in [-1, 1] as gray or RGB, (B, 1, H, W) or (B, 3, H, W).

    Of two and four channels the last is opacity. Of more, the first three are shown.

    Args:
        below: what the others lie on, in [-1, 1]: a gray level, white unless said otherwise, or a map (H, W).

    >>> visible(torch.tensor([-1.0, -1.0, -1.0, 0.0]).view(1, 4, 1, 1)).flatten().tolist()  # black, half clear
    [0.0, 0.0, 0.0]
    """
    channels = images.shape[1]
    if channels in VISIBLE:
        return images
    if channels not in OPACITY:
        return images[:, :3]
    opacity = ((images[:, -1:] + 1) / 2).clamp(0, 1)
    return images[:, :-1] * opacity + below * (1 - opacity)


def checkerboard(height: int, width: int, side: int = 4) -> Tensor:
    """Return a map (height, width) of white and light gray squares, which show what is clear."""
    row, column = (torch.arange(size) // side for size in (height, width))
    return 1 - 0.3 * ((row[:, None] + column) % 2)
