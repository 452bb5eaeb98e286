"""Digits as image files."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from torch import Tensor

from ganworks.picture import to_uint8


def write_images(folder: Path, images: Tensor) -> Path:
    """Write gray images (N, 1, H, W) in [-1, 1] to a new folder, in the order of their names."""
    folder.mkdir()
    for index, image in enumerate(to_uint8(images)):
        Image.fromarray(image[0].numpy()).save(folder / f"{index:04}.png")
    return folder
