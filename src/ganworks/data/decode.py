"""From an image file of any size and mode to a square of bytes."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn.functional import interpolate

from ganworks.data.blob import Blob, Source
from ganworks.data.value_range import Range, to_8_bits

# fmt: off
SUFFIXES = frozenset([
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif",
    ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".avif",
])
# fmt: on
MAX_PIXELS = 178_956_970  # where Pillow itself stops, against files made to fill the memory


class TooManyPixelsError(ValueError):
    """An image has more pixels than are allowed."""


def decode(
    path: Source | str,
    resolution: int,
    channels: int,
    value_range: Range | str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Tensor:
    """Read an image file: uint8 (channels, resolution, resolution).

    Turned as its EXIF orientation says, 16 bits brought to 8, transparency composited on white, cropped to
    the square at its centre, resized with an antialiased bicubic filter. The first of several frames.

    Args:
        value_range: what becomes black to white in images of more than 8 bits; see `to_8_bits`.
        max_pixels: of an image; a larger one is an error.

    Raises:
        Exception: whatever Pillow raises for a file that it cannot read; see `open_image` and `to_8_bits` too.
    """
    with open_image(path, max_pixels) as file:
        # A JPEG many times larger than wanted is decoded at 1/2, 1/4 or 1/8, never below 3 x the resolution.
        file.draft(None, (3 * resolution, 3 * resolution))
        image = _plain(file, channels, value_range)
    return _cropped(image, resolution)


def square(image: Image.Image, resolution: int, channels: int) -> Tensor:
    """Return an image of 8 bits as `decode` has it: uint8 (channels, resolution, resolution)."""
    return _cropped(_on_white(image).convert("L" if channels == 1 else "RGB"), resolution)


def decode_whole(
    path: Source | str,
    channels: int,
    value_range: Range | str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Tensor:
    """Read an image file as `decode` does, neither cropped nor resized: uint8 (channels, height, width).

    Raises:
        Exception: as `decode`.
    """
    with open_image(path, max_pixels) as file:
        return _to_tensor(_plain(file, channels, value_range))


def decode_part(
    path: Source | str,
    size: tuple[int, int],
    channels: int,
    part: tuple[float, float] = (0.0, 1.0),
    value_range: Range | str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Tensor:
    """Read the columns of an image file from one share of its width to another: uint8 (channels, *size).

    As `decode` does, but cropped at the centre to the proportions of ``size`` (height, width).

    Raises:
        Exception: as `decode`.
    """
    with open_image(path, max_pixels) as file:
        image = _plain(file, channels, value_range)
    # Cut out first: a filter that reaches over the edge of a box would mix in what stands beside it.
    start, end = (round(share * image.width) for share in part)
    image = image.crop((start, 0, end, image.height))
    scale = min(image.width / size[1], image.height / size[0])
    width, height = scale * size[1], scale * size[0]
    left, top = (image.width - width) / 2, (image.height - height) / 2
    box = left, top, left + width, top + height
    return _to_tensor(image.resize(size[::-1], Image.Resampling.BICUBIC, box=box))


def read_size(path: Source | str, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return (height, width) of an image file as `decode_whole` has it; only the header is read.

    A turned TIFF is read whole: some versions of Pillow turn its width and height in the header already, others not.
    """
    with open_image(path, max_pixels) as file:
        is_turned = file.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        if is_turned and file.format == "TIFF":
            image = ImageOps.exif_transpose(file)
            return image.height, image.width
        return (file.width, file.height) if is_turned else (file.height, file.width)


def check_header(path: Source | str, max_pixels: int = MAX_PIXELS) -> None:
    """Raise what Pillow raises when the file does not even begin like an image."""
    with open_image(path, max_pixels):
        pass


@contextmanager
def open_image(path: Source | str, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open an image file of at most ``max_pixels``; what is no regular file is never opened, as a pipe would wait.

    Raises:
        OSError: a link to nowhere, a pipe, a device, or a file that may not be read.
        TooManyPixelsError: the image is larger.
        Exception: whatever Pillow raises for a file that it cannot read.
    """
    if not isinstance(path, Blob):
        check_regular(path)
    if Image.MAX_IMAGE_PIXELS is not None and max_pixels > 2 * Image.MAX_IMAGE_PIXELS:
        # Pillow's own limit is one for the process: it warns there, and refuses at twice the number. It is never
        # lowered here, and what is above ``max_pixels`` is refused below.
        Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        with Image.open(io.BytesIO(path.read_bytes()) if isinstance(path, Blob) else path) as file:
            if (num_pixels := file.width * file.height) > max_pixels:
                raise TooManyPixelsError(f"{num_pixels:,} pixels")
            yield file
    except UnidentifiedImageError:
        if isinstance(path, Blob):  # Pillow names the memory that it lies in
            raise UnidentifiedImageError("cannot identify image file") from None
        raise
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError(f"more than {max_pixels:,} pixels") from error


def check_regular(path: Path | str) -> None:
    """Raise `OSError` unless ``path`` is a file, or a link to one."""
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise OSError("a link to nowhere" if path.is_symlink() else "it is gone") from None
    if not stat.S_ISREG(mode):
        raise OSError("a pipe" if stat.S_ISFIFO(mode) else "no regular file")


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


def _plain(file: Image.Image, channels: int, value_range: Range | str | None) -> Image.Image:
    image = to_8_bits(ImageOps.exif_transpose(file), value_range)
    return _on_white(image).convert("L" if channels == 1 else "RGB")


def _cropped(image: Image.Image, resolution: int) -> Tensor:
    box = _centre_square(image.size)
    return _to_tensor(image.resize((resolution, resolution), Image.Resampling.BICUBIC, box=box))


def _to_tensor(image: Image.Image) -> Tensor:
    pixels = np.array(image).reshape(image.height, image.width, -1)
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


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
