"""Clips as a picture for a person: film strips and animations."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from torch import Tensor

from ganworks.picture.samples import image_grid, save_image
from ganworks.staged import staged

MILLISECONDS = 125  # a frame
SIDE = 960  # pixels that a strip of small frames is enlarged to, at least


def save_film(clips: Tensor, path: Path, num_rows: int | None = None) -> Path:
    """Write the first ``num_rows`` of clips (B, C, T, H, W) in [-1, 1] as strips, a clip a row; None is 8 rows."""
    frames = clips[: num_rows or 8].movedim(2, 1)
    zoom = max(1, round(SIDE / (frames.shape[1] * frames.shape[-1])))
    return save_image(image_grid(frames.flatten(0, 1), columns=frames.shape[1], zoom=zoom), path)


def save_animation(
    clips: Tensor, path: Path, columns: int | None = None, zoom: int | None = None, gap: int = 2
) -> Path:
    """Write clips (B, C, T, H, W) in [-1, 1] to a GIF that plays them side by side; arguments as for `image_grid`."""
    frames: list[Image.Image] = [
        image_grid(frame, columns, zoom, gap).quantize(64) for frame in clips.movedim(2, 0)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged(path) as temporary:
        frames[0].save(temporary, save_all=True, append_images=frames[1:], duration=MILLISECONDS, loop=0)
    return path
