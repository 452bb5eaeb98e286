"""From an image file of any size and mode to a square of bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor
from torch.nn.functional import interpolate

# fmt: off
SUFFIXES = frozenset([
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif",
    ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".avif",
])
# fmt: on


def decode(path: Path | str, resolution: int, channels: int) -> Tensor:
    """Read an image file: uint8 (channels, resolution, resolution).

    Turned as its EXIF orientation says, 16 bits brought to 8, transparency composited on white, cropped to
    the square at its centre, resized with an antialiased bicubic filter. The first of several frames.

    Raises:
        Exception: whatever Pillow raises for a file that it cannot read.
    """
    with Image.open(path) as file:
        # A JPEG many times larger than wanted is decoded at 1/2, 1/4 or 1/8, never below 3 x the resolution.
        file.draft(None, (3 * resolution, 3 * resolution))
        image = _plain(file, channels)
    image = image.resize((resolution, resolution), Image.Resampling.BICUBIC, box=_centre_square(image.size))
    return _to_tensor(image)


def decode_whole(path: Path | str, channels: int) -> Tensor:
    """Read an image file as `decode` does, neither cropped nor resized: uint8 (channels, height, width).

    Raises:
        Exception: whatever Pillow raises for a file that it cannot read.
    """
    with Image.open(path) as file:
        return _to_tensor(_plain(file, channels))


def read_size(path: Path | str) -> tuple[int, int]:
    """Return (height, width) of an image file as `decode_whole` has it; only the header is read."""
    with Image.open(path) as file:
        is_turned = file.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        return (file.width, file.height) if is_turned else (file.height, file.width)


def check_header(path: Path | str) -> None:
    """Raise what Pillow raises when the file does not even begin like an image."""
    with Image.open(path):
        pass


def resize(images: Tensor, resolution: int) -> Tensor:
    """Return images (N, C, H, W), uint8 or float in [-1, 1], at ``resolution``: antialiased bicubic."""
    if images.shape[-2:] == (resolution, resolution):
        return images
    return torch.cat([_resize_chunk(chunk, resolution) for chunk in images.split(1000)])


def with_channels(images: Tensor, channels: int) -> Tensor:
    """Return images (N, C, H, W) with 1 or 3 channels; RGB becomes gray by ITU-R 601 luma."""
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1).contiguous()
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    gray = [(chunk * luma).sum(dim=1, keepdim=True) for chunk in images.split(1000)]
    return _like(torch.cat(gray), images)


def _resize_chunk(images: Tensor, resolution: int) -> Tensor:
    size = (resolution, resolution)
    resized = interpolate(images.float(), size, mode="bicubic", antialias=True, align_corners=False)
    return _like(resized, images)


def _like(values: Tensor, images: Tensor) -> Tensor:
    if images.dtype == torch.uint8:
        return values.round_().clamp_(0, 255).to(torch.uint8)
    return values.clamp_(-1, 1)


def _plain(file: Image.Image, channels: int) -> Image.Image:
    image = _to_8_bits(ImageOps.exif_transpose(file))
    return _on_white(image).convert("L" if channels == 1 else "RGB")


def _to_tensor(image: Image.Image) -> Tensor:
    pixels = np.array(image).reshape(image.height, image.width, -1)
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _to_8_bits(image: Image.Image) -> Image.Image:
    if image.mode == "F":  # floats are taken to be in [0, 1]
        return Image.fromarray((np.asarray(image).clip(0, 1) * 255).round().astype(np.uint8))
    if image.mode.startswith("I"):  # I;16 and its kin, and what older Pillow makes of a 16-bit PNG
        levels = np.asarray(image).astype(np.float64).clip(0, 65535)
        return Image.fromarray((levels / 257).round().astype(np.uint8))
    return image


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _centre_square(size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side
