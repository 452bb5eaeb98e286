"""Five numbers that say how the bright part of a clip moves."""

from __future__ import annotations

import torch
from torch import Tensor

from ganworks.sample.motion import brightness, centres, masses, windows

NAMES = ("speed", "speed_deviation", "mass", "mass_deviation", "shape_constancy")


def motion_statistics(clips: Tensor, batch_size: int = 512) -> Tensor:
    """Return the `NAMES` of clips (N, C, T, H, W) in [-1, 1], T from 2 up: float64 (N, 5).

    Speed of the centre of brightness in pixels a frame, its deviation over time, mean brightness in [0, 1], its
    deviation over time, and `shape_constancy`.
    """
    return torch.cat([_statistics(part.double()) for part in clips.split(batch_size)])


def _statistics(clips: Tensor) -> Tensor:
    path, mass = centres(clips), masses(clips)
    speed = path.diff(dim=1).norm(dim=2)  # (B, T - 1)
    columns = [speed.mean(1), speed.std(1, correction=0), mass.mean(1), mass.std(1, correction=0)]
    return torch.stack([*columns, shape_constancy(clips, path)], dim=1)


def shape_constancy(clips: Tensor, path: Tensor) -> Tensor:
    """Return the mean cosine of successive frames, each seen about its centre (B, T, 2): (B,), 1 for a rigid shape."""
    num_frames, size = clips.shape[2], max(clips.shape[-2:])
    frames = windows(clips.movedim(2, 1).flatten(0, 1), path.flatten(0, 1), size)
    pixels = brightness(frames[:, :, None]).flatten(1).unflatten(0, (-1, num_frames))  # (B, T, size^2)
    return torch.cosine_similarity(pixels[:, :-1], pixels[:, 1:], dim=2).mean(1)
