"""Where samples come from: a tensor in memory (or mapped from a file), read by index."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

Fields = Mapping[str, Tensor]
HALVES = {torch.uint8: 127.5, torch.uint16: 32767.5}  # of the largest number that a pixel can have


class Samples(Protocol):
    """A data set that is read by index.

    ``labels`` is None, classes int64 (N,), or float32 (N, K) for several classes or vectors of numbers. ``read``
    returns images (B, C, H, W), uint8 in 0..255 or uint16 in 0..65535, or samples that already have the range of the
    networks; or a dict of fields with a row each, ``real`` among them, of which those in uint8 and uint16 are images.
    """

    labels: Tensor | None

    def __len__(self) -> int: ...

    def read(self, indices: Tensor) -> Tensor | Fields: ...


class TensorSamples:
    """Samples in one tensor, perhaps with other fields beside them.

    Args:
        values: (N, C, H, W) uint8 or uint16, or (N, *shape) in the range of the networks.
        labels: int64 (N,), float32 (N, K), or None.
        fields: other tensors with a row for each sample, such as ``source``.
    """

    def __init__(self, values: Tensor, labels: Tensor | None = None, **fields: Tensor) -> None:
        self.values, self.labels, self.fields = values, labels, fields

    def __len__(self) -> int:
        return len(self.values)

    def read(self, indices: Tensor) -> Tensor | Fields:
        """Return the samples at ``indices`` (B,), in a dict where there are other fields."""
        values = self.values.index_select(0, indices)
        if not self.fields:
            return values
        return {"real": values, **{name: rows.index_select(0, indices) for name, rows in self.fields.items()}}


class Rows:
    """Some rows of other samples, each as often as it is named; nothing is copied.

    Args:
        samples: the others.
        rows: int64 (N,), numbers of their samples.
    """

    def __init__(self, samples: Samples, rows: Tensor) -> None:
        self.samples, self.rows = samples, rows
        self.labels = None if samples.labels is None else samples.labels[rows]

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, indices: Tensor) -> Tensor | Fields:
        """Return the samples at ``indices`` (B,) of the rows."""
        return self.samples.read(self.rows[indices])


def repeated(rows: Tensor, num: int) -> Tensor:
    """Return numbers of rows (N,) over and over, as often as it takes to have ``num`` of them or more."""
    return rows.repeat(math.ceil(num / len(rows)))


def as_fields(values: Tensor | Fields) -> dict[str, Tensor]:
    """Return what `Samples.read` returned as a dict of fields."""
    return {"real": values} if isinstance(values, Tensor) else dict(values)


def to_float(values: Tensor) -> Tensor:
    """Return uint8 images in 0..255, or uint16 in 0..65535, as float32 in [-1, 1]; float samples pass as they are.

    >>> to_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist()
    [-1.0, 1.0]
    """
    if values.dtype not in HALVES:
        return values
    return values.to(torch.float32).div_(HALVES[values.dtype]).sub_(1)


def as_numbers(values: Tensor) -> Tensor:
    """Return samples in a type that all operations know: those of 16 bits as `to_float` has them."""
    return to_float(values) if values.dtype == torch.uint16 else values
