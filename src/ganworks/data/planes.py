"""What Pillow alone does not give: arrays of any number of channels, pages as channels, colour of 16 bits, floats."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import torch
from PIL import ExifTags, Image, ImageFile, ImageOps, ImageSequence

from ganworks.data.fit import LUMA, background_levels
from ganworks.data.sample_format import OPACITY, SampleFormat
from ganworks.data.value_range import Range, is_deep, scaled
from ganworks.errors import GanworksError

ARRAY = ".npy"
MAGIC = b"\x93NUMPY"  # NEP 1, the first bytes of a .npy file
# By EXIF orientation (Exif 2.3, 4.6.4): rows and columns swap, then columns are mirrored, then rows.
TURNS = {
    2: (False, True, False), 3: (False, True, True), 4: (False, False, True), 5: (True, False, False),
    6: (True, True, False), 7: (True, True, True), 8: (True, False, True),
}  # fmt: skip
KINDS = "biuf"  # of numpy types: truth values, integers with and without a sign, floats


@dataclass(frozen=True)
class Planes:
    """An image of any number of channels.

    Args:
        levels: float32 (C, H, W) in [0, 1].
        has_opacity: the last channel is that of the others.
    """

    levels: np.ndarray
    has_opacity: bool = False


def read_array(file: Path | str | BinaryIO) -> np.ndarray:
    """Return the array of a .npy file, (H, W) or (H, W, C), as (H, W, C); no object is unpickled.

    Raises:
        ValueError: it is no image of numbers.
    """
    array = np.load(file, allow_pickle=False)
    if array.ndim not in (2, 3) or array.dtype.kind not in KINDS or not array.size:
        what = f"{array.dtype} {array.shape}"
        raise ValueError(f"an array {what}: must be (height, width) or (height, width, channels) of numbers")
    return array[:, :, None] if array.ndim == 2 else array


def levels_of_array(array: np.ndarray, value_range: Range | str | None) -> np.ndarray:
    """Return an array (H, W, C) of any numbers as levels float32 (C, H, W) in [0, 1].

    Truth values and uint8 have a range of their own; others see `scaled`.
    """
    planes = array.transpose(2, 0, 1)
    if array.dtype == bool:
        return planes.astype(np.float32)
    if array.dtype == np.uint8:
        return planes.astype(np.float32) / 255
    return scaled(planes, value_range).astype(np.float32)


def is_deep_colour(file: Image.Image) -> bool:
    """Say whether Pillow drops the lower byte of 16-bit colour."""
    layouts = [tile[3] for tile in getattr(file, "tile", ())]
    return not is_deep(file) and any(";16" in str(layout) for layout in layouts)


def deep_values(file: Image.Image, has_colour: bool, num_pages: int) -> np.ndarray | None:
    """Return the numbers of an opened image of more than 8 bits, as they are stored; None of others.

    Args:
        has_colour: colour of 16 bits counts too.
        num_pages: pages of a TIFF that are read together; one with another number of them is its first page.
    """
    if is_deep(file):
        is_stacked = file.format == "TIFF" and getattr(file, "n_frames", 1) == num_pages
        pages = ImageSequence.Iterator(file) if is_stacked else [file]
        return np.concatenate([np.asarray(page).ravel() for page in pages])
    return deep_colour(file) if has_colour and is_deep_colour(file) else None


def deep_colour(file: Image.Image) -> np.ndarray:
    """Return the pixels of an opened image with 16 bits a colour: uint16 (H, W, C), turned as its EXIF says.

    Raises:
        GanworksError: a TIFF without the package that reads it.
        ValueError: a format that is not read.
    """
    stream = cast(BinaryIO, cast(ImageFile.ImageFile, file).fp)
    stream.seek(0)
    data = stream.read()
    if file.format == "PNG":
        from torchvision.io import ImageReadMode, decode_png

        pixels = decode_png(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.UNCHANGED)
        array = pixels.permute(1, 2, 0).numpy()
    elif file.format == "TIFF":
        array = tiff_array(BytesIO(data))
    else:
        raise ValueError(f"colour of 16 bits in {file.format} is not read; PNG, TIFF and .npy are")
    return turned(array, file)


def tiff_array(file: Path | str | BinaryIO) -> np.ndarray:
    """Return the first series of a TIFF that Pillow does not read: (H, W, C), pages as channels.

    Raises:
        GanworksError: tifffile is not installed.
        ValueError: it is no image.
    """
    if find_spec("tifffile") is None:
        raise GanworksError(
            "this TIFF (16 bits a colour, or more than four channels) needs: pip install ganworks[tiff]"
        )
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        series = tiff.series[0]
        array, axes = series.asarray(), series.axes
    if not {"Y", "X"} <= set(axes) or array.ndim > 3:
        raise ValueError(f"a TIFF with axes {axes} {array.shape}: must be one image")
    order = [axes.index("Y"), axes.index("X"), *[i for i, axis in enumerate(axes) if axis not in "YX"]]
    array = np.ascontiguousarray(array.transpose(order))
    return array[:, :, None] if array.ndim == 2 else array


def stacked_pages(file: Image.Image, num: int, value_range: Range | str | None) -> np.ndarray | None:
    """Return ``num`` gray pages of a TIFF as levels float32 (C, H, W); None where it has fewer, more, or colour.

    Raises:
        ValueError: the pages differ in size.
    """
    if file.format != "TIFF" or getattr(file, "n_frames", 1) != num:
        return None
    pages = [levels_of_page(page, value_range) for page in ImageSequence.Iterator(file)]
    if any(page is None for page in pages):
        return None
    if len({page.shape for page in pages if page is not None}) > 1:
        raise ValueError(f"its {len(pages)} pages differ in size")
    return np.stack(pages)  # type: ignore[arg-type]


def levels_of_page(page: Image.Image, value_range: Range | str | None) -> np.ndarray | None:
    """Return a gray page as levels float32 (H, W) in [0, 1]; None of one in colour."""
    page = ImageOps.exif_transpose(page)
    if not is_deep(page) and page.mode not in ("L", "1"):
        return None
    values = np.asarray(page)[:, :, None]
    return levels_of_array(values, value_range)[0]


def turned(array: np.ndarray, file: Image.Image) -> np.ndarray:
    """Return pixels (H, W, C) as the EXIF orientation of their file says."""
    swaps, mirrors, flips = TURNS.get(file.getexif().get(ExifTags.Base.Orientation, 1), (False, False, False))
    array = array.transpose(1, 0, 2) if swaps else array
    array = array[:, ::-1] if mirrors else array
    return np.ascontiguousarray(array[::-1] if flips else array)


def with_channels_of(planes: Planes, how: SampleFormat) -> Planes:
    """Return planes with the channels of ``how``: gray and RGB become each other, opacity is kept, laid on or added.

    Raises:
        ValueError: there are more, or fewer, than can be made of them.
    """
    num = len(planes.levels)
    wants_opacity = how.channels in OPACITY and (planes.has_opacity or num in (1, 3))
    num_colours, wanted = num - planes.has_opacity, how.channels - wants_opacity
    if num_colours != wanted and not {num_colours, wanted} <= {1, 3}:
        raise ValueError(
            f"it has {num} {'channel' if num == 1 else 'channels'}, and {how.channels} are asked for"
        )
    colours = in_colours(planes.levels[:num_colours], wanted)
    opacity = planes.levels[-1:] if planes.has_opacity else np.ones_like(colours[:1])
    if wants_opacity:
        return Planes(np.concatenate([colours, opacity]), True)
    if planes.has_opacity:
        below = np.array(background_levels(how, False), np.float32)[:, None, None]
        colours = colours * opacity + below * (1 - opacity)
    return Planes(colours)


def in_colours(planes: np.ndarray, num: int) -> np.ndarray:
    """Return gray or RGB planes as gray (1) or RGB (3)."""
    if len(planes) == num:
        return planes
    if num == 3:
        return planes.repeat(3, axis=0)
    return np.tensordot(np.array(LUMA, np.float32), planes, 1)[None]
