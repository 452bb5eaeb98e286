"""Where a token stands in its image: fixed sines and cosines that are added, and rotations of queries and keys."""

from __future__ import annotations

import torch
from torch import Tensor

THETA = 10_000.0  # ratio of the longest wavelength to the shortest


def frequencies(num: int) -> Tensor:
    """Return theta^(-i / num) for i = 0 to num - 1, (num,)."""
    return THETA ** (-torch.arange(num, dtype=torch.float64) / num)


def grid(rows: int, columns: int) -> Tensor:
    """Return row and column of each token, (rows * columns, 2), row by row."""
    return torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).double()


def sincos_positions(rows: int, columns: int, width: int) -> Tensor:
    """Return the fixed embedding of each place, (rows * columns, width): a half for the row, a half for the column.

    Each half is [sin(p f), cos(p f)], Vaswani et al. 2017, section 3.5 (https://arxiv.org/abs/1706.03762), in two
    dimensions as in MAE and DiT. ``width`` is a multiple of 4.
    """
    angles = grid(rows, columns)[:, :, None] * frequencies(width // 4)
    return torch.cat([angles.sin(), angles.cos()], -1).flatten(1).float()


def rotary_angles(rows: int, columns: int, head_width: int) -> Tensor:
    """Return the angle by which each pair of a head's features turns at each place, (rows * columns, head_width / 2).

    The first half of the pairs turns with the row, the second with the column: Su et al. 2021 (RoFormer,
    https://arxiv.org/abs/2104.09864), equation 15, along two axes. ``head_width`` is a multiple of 4.
    """
    return (grid(rows, columns)[:, :, None] * frequencies(head_width // 4)).flatten(1).float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x_2i, x_2i+1) of x (..., N, 2K) by an angle whose cosine and sine are (N, K).

    >>> quarter = torch.zeros(1, 1), torch.ones(1, 1)
    >>> rotate(torch.tensor([[1.0, 2.0]]), *quarter).tolist()
    [[-2.0, 1.0]]
    """
    even, odd = x[..., 0::2], x[..., 1::2]
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)
