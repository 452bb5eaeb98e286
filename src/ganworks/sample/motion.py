"""Where the brightness of a clip is: its mass and centre frame by frame, and windows that follow the centre.

Clips are (B, C, T, H, W) in [-1, 1]; -1 is dark and weighs nothing. Everything is differentiable in the clip. Sums over
pixels are in float32 (float64 stays) whatever the clip is in: in bf16 a centre is wrong by pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-6  # mass of a frame, below which it has no centre: the middle of the frame then


def masses(clips: Tensor) -> Tensor:
    """Return the mean brightness of each frame in [0, 1], (B, T).

    >>> masses(torch.full((1, 1, 2, 4, 4), -1.0)).tolist()
    [[0.0, 0.0]]
    """
    return brightness(clips).mean((-2, -1))


def centres(clips: Tensor) -> Tensor:
    """Return the centre of the brightness of each frame in pixels, row and column, (B, T, 2)."""
    weight = brightness(clips)
    height, width = weight.shape[-2:]
    # Measured from the middle, where a frame without mass has its centre.
    rows, columns = (torch.arange(n).to(weight) - (n - 1) / 2 for n in (height, width))
    mass = weight.sum((-2, -1)).clamp_min(EPSILON)
    row, column = (weight.sum(-1) * rows).sum(-1) / mass, (weight.sum(-2) * columns).sum(-1) / mass
    return torch.stack([row + (height - 1) / 2, column + (width - 1) / 2], dim=-1)


def windows(frames: Tensor, centre: Tensor, size: int) -> Tensor:
    """Return square windows (N, C, size, size) of frames (N, C, H, W), about the pixel nearest each centre (N, 2).

    Beyond the frame it is dark (-1). The gradient reaches the frame's values, not the place of the window.
    """
    height, width = frames.shape[-2:]
    first = (centre.detach() - (size - 1) / 2 + 1e-4).round().long()  # ties go one way whatever the rounding
    offset = torch.arange(size, device=frames.device)
    rows, columns = first[:, :1] + offset, first[:, 1:] + offset
    outside = ((rows < 0) | (rows >= height))[:, :, None] | ((columns < 0) | (columns >= width))[:, None, :]
    row, column = rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]
    number = torch.arange(len(frames), device=frames.device)[:, None, None]
    # Indexed (N, size, size, C): the channels come last.
    return frames.movedim(1, -1)[number, row, column].movedim(-1, 1).masked_fill(outside[:, None], -1.0)


def brightness(clips: Tensor) -> Tensor:
    """Return the brightness in [0, 1] of every pixel, the mean of the channels, (B, T, H, W)."""
    clips = clips.to(torch.promote_types(clips.dtype, torch.float32))
    with torch.autocast(clips.device.type, enabled=False):
        return (clips.mean(1) + 1) / 2
