"""The idx files of MNIST and its kin, packed or not, as their authors and Linux distributions give them out.

The format: http://yann.lecun.com/exdb/mnist/. Two zero bytes, the type (8: bytes), the number of axes, the length of
each as a big-endian int32, and the values.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

IMAGES = ("train-images-idx3-ubyte", "train-images.idx3-ubyte")
LABELS = ("train-labels-idx1-ubyte", "train-labels.idx1-ubyte")
TEST_IMAGES = ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte")
TEST_LABELS = ("t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte")
PACKED = ("", ".gz")


def find_idx(folders: Iterable[Path], test: bool = False) -> tuple[Path, Path] | None:
    """Return the files of images and their labels in the first folder that has both; None if none has.

    Args:
        folders: where they may lie.
        test: those of the test images, not of the training images.
    """
    kinds = (TEST_IMAGES, TEST_LABELS) if test else (IMAGES, LABELS)
    for folder in folders:
        images, labels = (
            next(
                (path for name in names for end in PACKED if (path := folder / (name + end)).is_file()), None
            )
            for names in kinds
        )
        if images is not None and labels is not None:
            return images, labels
    return None


def read_pair(images_file: Path, labels_file: Path, side: int, num_classes: int) -> tuple[Tensor, Tensor]:
    """Return images uint8 (N, 1, side, side) and labels int64 (N,).

    Raises:
        ValueError: a file is damaged or of another data set; names it.
    """
    images, labels = read_idx(images_file, 3), read_idx(labels_file, 1)
    if images.shape[1:] != (side, side):
        raise ValueError(
            f"{images_file}: its images are {images.shape[1]} x {images.shape[2]}, not {side} x {side}"
        )
    if len(images) != len(labels) or not len(images):
        raise ValueError(
            f"{images_file} has {len(images):,} images, and {labels_file} {len(labels):,} labels"
        )
    if labels.max() >= num_classes:
        raise ValueError(
            f"{labels_file}: it has the label {labels.max()}, and the classes are 0 to {num_classes - 1}"
        )
    return torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels.astype(np.int64))


def read_idx(file: Path, num_axes: int) -> np.ndarray:
    """Return the bytes of an idx file, with ``num_axes`` axes.

    Raises:
        ValueError: it is damaged, or no such file; names it.
    """
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{file}: {error}") from error
    magic = bytes([0, 0, 8, num_axes])
    if content[:4] != magic:
        raise ValueError(
            f"{file}: it begins with {content[:4].hex(' ')}, and an idx file of its kind with {magic.hex(' ')}"
        )
    start = 4 + 4 * num_axes
    if len(content) < start:
        raise ValueError(f"{file}: it is cut off, at {len(content)} bytes")
    shape = struct.unpack(f">{num_axes}I", content[4:start])
    expected = start + int(np.prod(shape, dtype=np.int64))
    if len(content) != expected:
        raise ValueError(f"{file}: it has {len(content):,} bytes, and its header says {expected:,}")
    return np.frombuffer(bytearray(content), np.uint8, offset=start).reshape(shape)
