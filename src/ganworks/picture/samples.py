"""Samples as a picture for a person: image grids, and scatter plots of points in the plane."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganworks.sample.visible import checkerboard, visible
from ganworks.staged import staged

SIDE = 640  # pixels that a grid of small images is enlarged to, at least
INK, PAPER, SHADE = (31, 78, 158), (255, 255, 255), (205, 205, 205)


def save_image(picture: Image.Image, path: Path) -> Path:
    """Write ``picture`` to ``path``, which holds a whole picture at every moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged(path) as temporary:
        picture.save(temporary)
    return path


def to_uint8(images: Tensor) -> Tensor:
    """Return images in [-1, 1] as bytes, rounded and clamped."""
    return ((images.detach().float().cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def image_grid(
    images: Tensor, columns: int | None = None, zoom: int | None = None, gap: int = 2
) -> Image.Image:
    """Return images (B, C, H, W) in [-1, 1] as one picture, row by row; small images are enlarged.

    Args:
        images: of any number of channels, opacity on a checkerboard; see `visible`.
        columns: images a row; the default makes the grid about square.
        zoom: factor of enlargement; the default makes the grid about `SIDE` pixels wide.
        gap: white pixels around each image.
    """
    below = checkerboard(*images.shape[2:])  # white would hide where an image ends
    bytes_ = to_uint8(visible(images.detach().float().cpu(), below)).expand(-1, 3, -1, -1)
    num, _, height, width = bytes_.shape
    columns = min(columns or math.ceil(math.sqrt(num)), num)
    rows = math.ceil(num / columns)
    zoom = zoom or max(1, round(SIDE / (columns * width)))
    bytes_ = bytes_.repeat_interleave(zoom, 2).repeat_interleave(zoom, 3)
    height, width = height * zoom + gap, width * zoom + gap
    canvas = np.full((rows * height + gap, columns * width + gap, 3), 255, dtype=np.uint8)
    for index, image in enumerate(bytes_.permute(0, 2, 3, 1).numpy()):
        top, left = divmod(index, columns)
        top, left = top * height + gap, left * width + gap
        canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
    return Image.fromarray(canvas)


def scatter(points: Tensor, reals: Tensor | None = None) -> Image.Image:
    """Return points (B, D) as a picture of their first two coordinates, real ones in gray below.

    Numbers (B, 1) stand over the share of the others that is smaller: steep where there are many.
    """
    clouds = [(color, _plane(cloud)) for color, cloud in ((SHADE, reals), (INK, points)) if cloud is not None]
    extent = 1.25 * float(np.abs(clouds[0][1]).max(initial=1e-9))
    canvas = np.full((SIDE, SIDE, 3), PAPER, dtype=np.uint8)
    for color, cloud in clouds:
        # What lies far outside is brought to where its pixel is still a number.
        pixels = ((cloud / extent + 1) / 2 * SIDE).clip(-SIDE, 2 * SIDE).astype(int)
        for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):  # a dot of 2 x 2 pixels
            x, y = pixels[:, 0] + column, SIDE - 1 - pixels[:, 1] - row
            inside = (x >= 0) & (x < SIDE) & (y >= 0) & (y < SIDE)
            canvas[y[inside], x[inside]] = color
    return Image.fromarray(canvas)


def heat_map(samples: Tensor) -> Image.Image:
    """Return samples (B, ...) as rows of gray values, black at the lowest of all and white at the highest."""
    rows = samples.detach().float().cpu().flatten(1)[:64, : 4 * SIDE].nan_to_num()
    low, high = rows.min(), rows.max()
    gray = (2 * (rows - low) / (high - low).clamp_min(1e-12) - 1)[:, None, None]  # an image of one row each
    return image_grid(gray, columns=1, gap=1)


def _plane(points: Tensor) -> np.ndarray:
    """Return the first two coordinates (N, 2) of the points that are finite; of numbers (N, 1) them and their ranks."""
    plane = points[:, :2].detach().double().cpu().numpy()
    plane = plane[np.isfinite(plane).all(1)]
    if plane.shape[1] == 1:
        ranks = np.linspace(-1, 1, len(plane)) * np.abs(plane).max(initial=0.0)
        return np.stack([np.sort(plane[:, 0]), ranks], 1)
    return plane
