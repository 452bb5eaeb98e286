"""Images of other proportions than those wanted: cropped, padded or stretched."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganworks.data.sample_format import CROP, PAD, Colour, SampleFormat

Box = tuple[float, float, float, float]
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R BT.601


def fit(image: Image.Image, how: SampleFormat, box: Box | None = None) -> Image.Image:
    """Return an image of the size of ``how``, by an antialiased bicubic filter.

    Args:
        image: of 8 bits, or of one channel of floats.
        box: (left, top, right, bottom) that a crop keeps; None: `crop_box`.
    """
    height, width = how.size
    if how.fit == PAD:
        return _padded(image, how)
    kept = (box or crop_box(image.size, how.size)) if how.fit == CROP else None
    return image.resize((width, height), Image.Resampling.BICUBIC, box=kept)


def crop_box(size: tuple[int, int], wanted: tuple[int, int]) -> Box:
    """Return the largest box at the centre of an image (width, height) with the proportions of (height, width).

    >>> crop_box((178, 218), (64, 64)), crop_box((100, 100), (32, 64))
    ((0, 20, 178, 198), (0.0, 25.0, 100.0, 75.0))
    """
    if wanted[0] == wanted[1]:  # to whole pixels, as squares always were
        side = min(size)
        left, top = (size[0] - side) // 2, (size[1] - side) // 2
        return left, top, left + side, top + side
    return exact_box(size, wanted)


def exact_box(size: tuple[int, int], wanted: tuple[int, int]) -> Box:
    """Return the box of `crop_box`, with fractions of pixels for a square too."""
    scale = min(size[0] / wanted[1], size[1] / wanted[0])
    # Rounding may end beyond the image by the last bit, and Pillow refuses such a box.
    width, height = min(size[0], scale * wanted[1]), min(size[1], scale * wanted[0])
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return left, top, min(size[0], left + width), min(size[1], top + height)


def place(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return (left, top, width, height) that an image (width, height) has as a whole in a frame (height, width).

    >>> place((200, 100), (64, 64))
    (0, 16, 64, 32)
    """
    scale = min(wanted[1] / size[0], wanted[0] / size[1])
    width, height = (max(1, round(scale * side)) for side in size)
    return (wanted[1] - width) // 2, (wanted[0] - height) // 2, width, height


def _padded(image: Image.Image, how: SampleFormat) -> Image.Image:
    height, width = how.size
    left, top, *inner = place(image.size, how.size)
    fill = background_of(image.mode, how.colour)
    frame = Image.new(image.mode, (width, height), fill)
    frame.paste(image.resize((inner[0], inner[1]), Image.Resampling.BICUBIC), (left, top))
    return frame


def background_of(mode: str, colour: Colour) -> float | tuple[int, ...]:
    """Return a colour as the pixel of an image of ``mode`` L, LA, RGB, RGBA; opacity is 0."""
    gray = luma(colour)
    pixels: dict[str, float | tuple[int, ...]]
    pixels = {"L": gray, "LA": (gray, 0), "RGB": colour, "RGBA": (*colour, 0)}
    return pixels[mode]


def luma(colour: Colour) -> int:
    """Return the gray of a colour, 0..255, as Pillow has it.

    >>> luma((255, 255, 255)), luma((255, 0, 0))
    (255, 76)
    """
    return Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0))  # type: ignore[return-value]


def fit_planes(planes: np.ndarray, how: SampleFormat, box: Box, has_opacity: bool) -> np.ndarray:
    """Return planes float32 (C, H, W) in [0, 1] at the size of ``how``, each as `fit` has an image.

    Args:
        has_opacity: the last plane weights the others, as what cannot be seen is not to be mixed in.
    """
    if planes.shape[1:] == how.size:  # every level as it is
        return planes
    if has_opacity:
        planes = np.concatenate([planes[:-1] * planes[-1:], planes[-1:]])
    fitted = np.stack([_fit_plane(plane, how, box) for plane in planes]).clip(0, 1)
    if has_opacity:
        opacity = fitted[-1:]
        colours = np.divide(fitted[:-1], opacity, out=np.zeros_like(fitted[:-1]), where=opacity > 0)
        fitted = np.concatenate([colours.clip(0, 1), opacity])
    if how.fit == PAD:
        _fill_outside(fitted, planes.shape[1:], how, has_opacity)
    return fitted


def _fit_plane(plane: np.ndarray, how: SampleFormat, box: Box) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    if how.fit != PAD:
        return np.asarray(fit(image, how, box))
    left, top, width, height = place(image.size, how.size)
    frame = np.zeros(how.size, np.float32)
    inner = image.resize((width, height), Image.Resampling.BICUBIC)
    frame[top : top + height, left : left + width] = np.asarray(inner)
    return frame


def _fill_outside(planes: np.ndarray, before: tuple[int, ...], how: SampleFormat, has_opacity: bool) -> None:
    """Write the background, in place, around what `place` leaves of planes that were (height, width) ``before``."""
    left, top, width, height = place((before[1], before[0]), how.size)
    outside = np.ones(how.size, bool)
    outside[top : top + height, left : left + width] = False
    for plane, level in zip(planes, background_levels(how, has_opacity), strict=True):
        plane[outside] = level


def background_levels(how: SampleFormat, has_opacity: bool) -> list[float]:
    """Return the background as a level in [0, 1] for each channel of ``how``; opacity is 0.

    It is gray where the channels are neither RGB nor RGB and opacity.
    """
    num = how.channels - has_opacity
    levels = [value / 255 for value in how.colour] if num == 3 else [luma(how.colour) / 255] * num
    return [*levels, *[0.0] * has_opacity]


def to_tensor(image: Image.Image) -> Tensor:
    """Return an image of 8 bits: uint8 (C, height, width)."""
    pixels = np.array(image).reshape(image.height, image.width, -1)
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
