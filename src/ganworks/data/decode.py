"""From an image file of any size and mode to a sample, as a `SampleFormat` says."""

from __future__ import annotations

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn.functional import interpolate

from ganworks.data.fit import Box, crop_box, exact_box, fit, fit_planes, to_tensor
from ganworks.data.open_image import File, array_size, is_array, open_array, open_image, read_unidentified
from ganworks.data.planes import (
    Planes,
    deep_colour,
    is_deep_colour,
    levels_of_array,
    stacked_pages,
    with_channels_of,
)
from ganworks.data.sample_format import MAX_PIXELS, OPACITY, Colour, SampleFormat
from ganworks.data.value_range import DTYPE, is_deep, to_8_bits

# fmt: off
SUFFIXES = frozenset([
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif",
    ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".avif",
])
# fmt: on
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # of Pillow, by channels
Pixels = Image.Image | Planes  # an image of 8 bits, or what is more


def decode(file: File, how: SampleFormat) -> Tensor:
    """Read an image file, or one that is open, as ``how`` says: (C, H, W) of its dtype.

    Turned as its EXIF orientation says; transparency composited on the background, or kept; cropped, padded or
    stretched to the size by an antialiased bicubic filter. The first of several frames, unless pages are channels.
    uint8 is 0..255, uint16 0..65535, float32 [-1, 1].

    Raises:
        Exception: whatever Pillow raises for a file that it cannot read; see `open_image` and `scaled` too.
        ValueError: the file has not the channels of ``how``.
    """
    height, width = how.size
    # A JPEG many times larger than wanted is decoded at 1/2, 1/4 or 1/8, never below 3 x the resolution.
    pixels = _read(file, how, draft=(3 * width, 3 * height))
    return _sample(pixels, how, crop_box(_size(pixels), how.size))


def decode_frame(image: Image.Image, how: SampleFormat) -> Tensor:
    """Return an image of 8 bits as `decode` has it, and no deeper: uint8 (C, H, W)."""
    return to_tensor(fit(_with_mode(image, how), how))


def decode_whole(file: File, how: SampleFormat) -> Tensor:
    """Read an image file as `decode` does, but at its own size: (C, height, width).

    Raises:
        Exception: as `decode`.
    """
    pixels = _read(file, how)
    return to_tensor(pixels) if isinstance(pixels, Image.Image) else _quantised(pixels.levels, how)


def decode_part(file: File, how: SampleFormat, part: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """Read the columns of an image file from one share of its width to another as `decode` does: (C, H, W).

    Raises:
        Exception: as `decode`.
    """
    pixels = _read(file, how)
    # Cut out first: a filter that reaches over the edge of a box would mix in what stands beside it.
    width, height = _size(pixels)
    start, end = (round(share * width) for share in part)
    if isinstance(pixels, Image.Image):
        pixels = pixels.crop((start, 0, end, height))
    else:
        pixels = Planes(pixels.levels[..., start:end], pixels.has_opacity)
    return _sample(pixels, how, exact_box(_size(pixels), how.size))


def read_size(path: File, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return (height, width) of an image file as `decode_whole` has it; only the header is read.

    A turned TIFF is read whole: some versions of Pillow turn its width and height in the header already, others not.
    """
    if is_array(path):
        return array_size(path, max_pixels)
    try:
        with open_image(path, max_pixels) as file:
            is_turned = file.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            if is_turned and file.format == "TIFF":
                image = ImageOps.exif_transpose(file)
                return image.height, image.width
            return (file.width, file.height) if is_turned else (file.height, file.width)
    except UnidentifiedImageError as error:
        height, width, _ = read_unidentified(path, max_pixels, error).shape
        return height, width


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


def _read(file: File, how: SampleFormat, draft: tuple[int, int] | None = None) -> Pixels:
    """Return the pixels of a file with the channels of ``how``: planes where 8 bits of Pillow do not do."""
    if is_array(file):
        return _of_array(open_array(file, how.max_pixels), how)
    try:
        with open_image(file, how.max_pixels) as image:
            planes = _beyond_8_bits(image, how)
            if planes is not None:
                return with_channels_of(planes, how)
            if draft is not None:
                image.draft(None, draft)
            plain = _with_mode(to_8_bits(ImageOps.exif_transpose(image), how.value_range), how)
    except UnidentifiedImageError as error:
        return _of_array(read_unidentified(file, how.max_pixels, error), how)
    if not how.is_deep:
        return plain
    pixels = np.asarray(plain).reshape(plain.height, plain.width, -1)
    return Planes(levels_of_array(pixels, DTYPE), how.channels in OPACITY)


def _of_array(array: np.ndarray, how: SampleFormat) -> Planes:
    return with_channels_of(Planes(levels_of_array(array, how.value_range)), how)


def _beyond_8_bits(image: Image.Image, how: SampleFormat) -> Planes | None:
    """Return what an opened image has beyond 8 bits, or beyond its first page; None where that is not asked for."""
    if how.stacks_pages:
        pages = stacked_pages(image, how.channels, how.value_range)
        if pages is not None:
            return Planes(pages)
        image.seek(0)
    if how.channels not in MODES:
        num = max(len(image.getbands()), getattr(image, "n_frames", 1))
        raise ValueError(
            f"it has {num} {'channel' if num == 1 else 'channels'}, and {how.channels} are asked for"
        )
    if how.is_deep and is_deep(image):
        values = np.asarray(ImageOps.exif_transpose(image))[:, :, None]
        return Planes(levels_of_array(values, how.value_range))
    if how.is_deep and is_deep_colour(image):
        values = deep_colour(image)
        return Planes(levels_of_array(values, how.value_range), values.shape[2] in OPACITY)
    return None


def _with_mode(image: Image.Image, how: SampleFormat) -> Image.Image:
    """Return an image of 8 bits in the mode of Pillow that has the channels of ``how``."""
    if how.channels not in OPACITY:
        return _on_background(image, how.colour).convert(MODES[how.channels])
    # By way of RGB(A): Pillow converts a palette or CMYK to gray with opacity by no other.
    whole = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return whole.convert("RGBA").convert(MODES[how.channels])


def _on_background(image: Image.Image, colour: Colour) -> Image.Image:
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, (*colour, 255)), image)


def _sample(pixels: Pixels, how: SampleFormat, box: Box) -> Tensor:
    if isinstance(pixels, Image.Image):
        return to_tensor(fit(pixels, how, box))
    return _quantised(fit_planes(pixels.levels, how, box, pixels.has_opacity), how)


def _quantised(levels: np.ndarray, how: SampleFormat) -> Tensor:
    """Return levels in [0, 1] as a tensor of the dtype of ``how``."""
    levels = np.ascontiguousarray(levels)
    if how.dtype == "float32":
        return torch.from_numpy(levels * 2 - 1)
    return torch.from_numpy((levels * np.iinfo(how.dtype).max).round().astype(how.dtype))


def _size(pixels: Pixels) -> tuple[int, int]:
    """Return (width, height)."""
    return pixels.size if isinstance(pixels, Image.Image) else pixels.levels.shape[:0:-1]
