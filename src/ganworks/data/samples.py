"""Where samples come from: a tensor in memory (or mapped from a file), read by index."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Samples(Protocol):
    """A data set that is read by index.

    ``labels`` is int64 (N,) or None. ``read`` returns uint8 images (B, C, H, W) in 0..255, or float32 samples
    that already have the networks' range.
    """

    labels: Tensor | None

    def __len__(self) -> int: ...

    def read(self, indices: Tensor) -> Tensor: ...


class TensorSamples:
    """Samples in one tensor.

    Args:
        values: (N, C, H, W) uint8, or float32 (N, C, H, W) in [-1, 1] or (N, D).
        labels: int64 (N,), or None.
    """

    def __init__(self, values: Tensor, labels: Tensor | None = None) -> None:
        self.values, self.labels = values, labels

    def __len__(self) -> int:
        return len(self.values)

    def read(self, indices: Tensor) -> Tensor:
        """Return the samples at ``indices`` (B,)."""
        return self.values.index_select(0, indices)


def to_float(values: Tensor) -> Tensor:
    """Return uint8 images in 0..255 as float32 in [-1, 1]; float samples pass as they are.

    >>> to_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist()
    [-1.0, 1.0]
    """
    if values.dtype != torch.uint8:
        return values
    return values.to(torch.float32).div_(127.5).sub_(1)
