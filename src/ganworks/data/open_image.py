"""Opening an image file: regular, not too large, and of which reader."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from ganworks.data.planes import ARRAY, MAGIC, read_array, tiff_array
from ganworks.data.sample_format import MAX_PIXELS

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF 6.0, section 2; BigTIFF


File = Path | str | BinaryIO

# Pillow says an error for each TIFF of more than four channels, which is read all the same.
logging.getLogger("PIL.TiffImagePlugin").addFilter(
    lambda record: not str(record.msg).startswith("More samples per pixel")
)


class TooManyPixelsError(ValueError):
    """An image has more pixels than are allowed."""


def is_array(file: File) -> bool:
    """Say whether a file is an array of numpy: by its suffix, or where it is open by its first bytes."""
    if isinstance(file, Path | str):
        return Path(file).suffix.lower() == ARRAY
    return _starts_with(file, (MAGIC,))


@contextmanager
def open_image(path: File, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open an image file of at most ``max_pixels``; a path to no regular file is never opened, as a pipe would wait.

    Raises:
        OSError: a link to nowhere, a pipe, a device, or a file that may not be read.
        TooManyPixelsError: the image is larger.
        Exception: whatever Pillow raises for a file that it cannot read.
    """
    if isinstance(path, Path | str):
        check_regular(path)
    if Image.MAX_IMAGE_PIXELS is not None and max_pixels > 2 * Image.MAX_IMAGE_PIXELS:
        # Pillow's own limit is one for the process: it warns there, and refuses at twice the number. It is never
        # lowered here, and what is above ``max_pixels`` is refused below.
        Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        with Image.open(path) as file:
            _check_pixels(file.width * file.height, max_pixels)
            yield file
    except UnidentifiedImageError as error:
        if isinstance(path, Path | str):
            raise
        path.seek(0)  # for another reader
        raise UnidentifiedImageError(
            "cannot identify image file"
        ) from error  # not the memory that it lies in
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError(f"more than {max_pixels:,} pixels") from error


def check_regular(path: Path | str) -> None:
    """Raise `OSError` unless ``path`` is a file, or a link to one."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a third of the time of Path's, for each of many files
    except FileNotFoundError:
        raise OSError("a link to nowhere" if Path(path).is_symlink() else "it is gone") from None
    if not stat.S_ISREG(mode):
        raise OSError("a pipe" if stat.S_ISFIFO(mode) else "no regular file")


def array_size(path: File, max_pixels: int) -> tuple[int, int]:
    """Return (height, width) of a .npy file; only its header is read, where it is not open."""
    if not isinstance(path, Path | str):
        height, width, _ = open_array(path, max_pixels).shape
        return height, width
    check_regular(path)
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    height, width, _ = (*array.shape, 1, 1, 1)[:3]
    _check_pixels(height * width, max_pixels)
    return height, width


def open_array(file: File, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Return the array (H, W, C) of a .npy file of at most ``max_pixels``."""
    if isinstance(file, Path | str):
        array_size(file, max_pixels)
    array = read_array(file)
    _check_pixels(array.shape[0] * array.shape[1], max_pixels)
    return array


def read_unidentified(file: File, max_pixels: int, error: Exception) -> np.ndarray:
    """Return the array (H, W, C) of a TIFF that Pillow does not know; raise ``error``, which it raised, for others."""
    if isinstance(file, Path | str):
        with Path(file).open("rb") as stream:
            return read_unidentified(stream, max_pixels, error)
    file.seek(0)  # Pillow has read on
    if not _starts_with(file, TIFF_MAGIC):
        raise error
    array = tiff_array(file)
    _check_pixels(array.shape[0] * array.shape[1], max_pixels)
    return array


def _starts_with(stream: BinaryIO, beginnings: Sequence[bytes]) -> bool:
    place = stream.tell()
    start = stream.read(8)
    stream.seek(place)
    return start.startswith(tuple(beginnings))


def _check_pixels(num: int, max_pixels: int) -> None:
    if num > max_pixels:
        raise TooManyPixelsError(f"{num:,} pixels")
