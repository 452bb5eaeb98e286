"""One image as a file that holds all of its levels: PNG with 8 or 16 bits and up to four channels, else an array."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

ARRAY = ".npy"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels


def write_image(image: Tensor, path: Path, dtype: str = "uint8") -> Path:
    """Write an image (C, H, W) in [-1, 1] to ``path`` with the levels of ``dtype``; return the path.

    A .npy file holds (H, W, C): uint8 in 0..255, uint16 in 0..65535, or float32 as it is. Other files are pictures.
    """
    pixels = levels_of(image, dtype)
    if path.suffix.lower() == ARRAY:
        with path.open("wb") as file:
            np.save(file, pixels)
    elif pixels.dtype == np.uint16:
        path.write_bytes(deep_png(pixels))
    else:
        Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(path)
    return path


def levels_of(image: Tensor, dtype: str) -> np.ndarray:
    """Return an image (C, H, W) in [-1, 1] as (H, W, C) of ``dtype``, rounded and clamped where that is of integers."""
    values = image.detach().float().cpu().permute(1, 2, 0).contiguous().numpy()
    if dtype == "float32":
        return values
    most = np.iinfo(dtype).max
    return ((values + 1) * (most / 2)).round().clip(0, most).astype(dtype)


def deep_png(pixels: np.ndarray) -> bytes:
    """Return the bytes of a PNG of uint16 (H, W, C), C from 1 to 4: Pillow writes 16 bits of gray alone.

    The PNG specification (https://www.w3.org/TR/png-3/): colour types in 11.2.1; each row comes behind its filter,
    here 2, the difference to the row above, byte by byte.
    """
    height, width, channels = pixels.shape
    rows = np.ascontiguousarray(pixels.astype(">u2")).view(np.uint8).reshape(height, -1)
    differences = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))  # modulo 256
    lines = np.concatenate([np.full((height, 1), 2, np.uint8), differences], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(lines.tobytes()), b"IEND": b""}
    return SIGNATURE + b"".join(chunk(name, content) for name, content in chunks.items())


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG: its length, name, content, and checksum of the two."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
