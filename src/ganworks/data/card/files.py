"""What is known of image files before they become samples: sizes, modes, copies, and which cannot be read."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from PIL import ExifTags, Image

from ganworks.data.files import ImageFiles
from ganworks.data.sample_format import PAD
from ganworks.data.survey import in_threads

TURNED = 5  # from this EXIF orientation on, width and height change places


@dataclass(frozen=True)
class Look:
    """What was seen of one file."""

    size: tuple[int, int]
    mode: str
    num_bytes: int
    digest: bytes


@dataclass
class FileFacts:
    """What was seen of all files.

    Args:
        num: of files, readable or not.
        num_bytes: of the readable ones together.
        sizes: how many have which (height, width), turned as they will be.
        modes: how many are of which format and mode, such as "PNG RGB".
        corrupt: why a file cannot be read, by name.
        copies: names of files with the same content, a list for each content that comes more than once.
    """

    num: int
    num_bytes: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    corrupt: dict[str, str] = field(default_factory=dict)
    copies: list[list[str]] = field(default_factory=list)

    @property
    def num_copies(self) -> int:
        """How many files are one too many."""
        return sum(len(names) - 1 for names in self.copies)

    def num_enlarged(self, height: int, width: int, fit: str) -> int:
        """Return how many files have too few pixels in height or in width; with `PAD`, in both."""
        judge = all if fit == PAD else any
        return sum(num for (h, w), num in self.sizes.items() if judge([h < height, w < width]))


def look_at_files(files: ImageFiles, unreadable: dict[str, str]) -> FileFacts:
    """Look at every file: its header and a hash of its content.

    Args:
        unreadable: what could not be decoded, and why.
    """
    facts, by_content = FileFacts(len(files), corrupt=dict(unreadable)), dict[bytes, list[str]]()
    for name, seen in in_threads(files, lambda _, file: look(file)):
        if isinstance(seen, str):
            facts.corrupt.setdefault(name, seen)
        if name in facts.corrupt or isinstance(seen, str):
            continue
        facts.sizes[seen.size] += 1
        facts.modes[seen.mode] += 1
        facts.num_bytes += seen.num_bytes
        by_content.setdefault(seen.digest, []).append(name)
    facts.copies = [names for names in by_content.values() if len(names) > 1]
    return facts


def look(file: Path | BinaryIO | str) -> Look:
    """Return size, mode and a hash of a file; an array of numpy has its type for a mode."""
    content = file.read() if not isinstance(file, Path | str) else Path(file).read_bytes()
    digest = hashlib.blake2b(content, digest_size=16).digest()
    if content.startswith(b"\x93NUMPY"):
        size, mode = of_array(content)
    else:
        with Image.open(io.BytesIO(content)) as image:
            is_turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= TURNED
            size = image.size if is_turned else image.size[::-1]
            mode = f"{image.format} {image.mode}"
    return Look(size, mode, len(content), digest)


def of_array(content: bytes) -> tuple[tuple[int, int], str]:
    """Return (height, width) and the type of a .npy file."""
    import numpy as np

    array = np.load(io.BytesIO(content), allow_pickle=False)
    return array.shape[:2], f"NPY {array.dtype}"
