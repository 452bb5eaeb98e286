"""Batches of small matrices, of homogeneous coordinates."""

from __future__ import annotations

import torch
from torch import Tensor

Entry = float | Tensor


def matrix(*rows: tuple[Entry, ...]) -> Tensor:
    """Return (B, n, m), or (n, m) of plain numbers, from rows of numbers and of tensors (B,).

    >>> matrix((1.0, torch.tensor([2.0, 3.0])), (0.0, 1.0)).shape
    torch.Size([2, 2, 2])
    """
    entries = [torch.as_tensor(entry, dtype=torch.float32) for row in rows for entry in row]
    return torch.stack(torch.broadcast_tensors(*entries), -1).unflatten(-1, (len(rows), len(rows[0])))


def translation(x: Entry, y: Entry) -> Tensor:
    """Return the shift of places (x, y, 1)."""
    return matrix((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0))


def scaling(x: Entry, y: Entry) -> Tensor:
    """Return the scaling of places (x, y, 1)."""
    return matrix((x, 0.0, 0.0), (0.0, y, 0.0), (0.0, 0.0, 1.0))


def rotation(angle: Tensor) -> Tensor:
    """Return the rotation of places (x, y, 1) by ``angle`` (B,) in radians."""
    cos, sin = angle.cos(), angle.sin()
    return matrix((cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0))
