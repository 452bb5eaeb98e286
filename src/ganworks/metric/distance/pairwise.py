"""Distances between two sets of features, in blocks, so that memory stays bounded for any number of them.

Squared distances come from a float64 matrix product: as fast as float32 without one. What the rounding of that product
can make of zero counts as zero, so that the distance of a copy is exactly that. It is far below the precision of
features in float32.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK_ELEMENTS = 2**20  # one block of distances: 8 MB of float64


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared Euclidean distances (N, M), float64, between ``x`` (N, D) and ``y`` (M, D).

    >>> squared_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]])).tolist()
    [[25.0, 1.0]]
    """
    x, y = x.double(), y.double()
    norms = (
        torch.linalg.vector_norm(x, dim=1, keepdim=True).square()
        + torch.linalg.vector_norm(y, dim=1).square()
    )
    distances = torch.addmm(norms, x, y.T, alpha=-2)
    # Sums of D products are off by D u |x| |y| at most, u = 2^-53, Higham 2002, section 3.1; |x|^2 and |y|^2 likewise.
    rounding = norms.mul_((x.shape[1] + 3) * 2.0**-52)
    return distances.masked_fill_(distances <= rounding, 0.0)


def row_blocks(num_rows: int, num_columns: int) -> Iterator[slice]:
    """Yield slices of the rows of a (num_rows, num_columns) matrix that keep a block within bounds."""
    size = max(1, BLOCK_ELEMENTS // max(1, num_columns))
    for start in range(0, num_rows, size):
        yield slice(start, min(start + size, num_rows))


def nearest(queries: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Return the squared distance (N,) of every query (N, D) to its nearest point (M, D), and which (N,)."""
    distances, indices = _results(queries, len(queries))
    queries, points = queries.double(), points.double()  # once, not in every block
    for rows in row_blocks(len(queries), len(points)):
        distances[rows], indices[rows] = squared_distances(queries[rows], points).min(1)
    return distances, indices


def nearest_others(points: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Return the squared distances (N, num) of every point (N, D) to its nearest others, and which they are.

    The point itself does not count; an exact duplicate of it does, with distance zero.
    """
    values, indices = _results(points, len(points), num)
    points = points.double()  # once, not in every block
    for rows in row_blocks(len(points), len(points)):
        block = squared_distances(points[rows], points)
        own = torch.arange(rows.start, rows.stop, device=points.device)
        block[own - rows.start, own] = torch.inf
        values[rows], indices[rows] = block.topk(num, dim=1, largest=False, sorted=True)
    return values, indices


def nearest_few(queries: Tensor, points: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Return the distances (N, num), float64, of queries (N, D) to their nearest points (M, D), and which.

    Candidates, some more than ``num``, are searched in float32 and measured anew in float64: as exact as a
    search in float64 and many times as fast on raw pixels, and a copy has a distance of exactly zero.
    """
    points, num = points.float(), min(num, len(points))
    norms = points.square().sum(1)
    distances, indices = _results(queries, len(queries), num)
    for rows in row_blocks(len(queries), max(len(points) // 8, num * points.shape[1])):
        part = queries[rows]
        found = torch.addmm(norms, part.float(), points.T, alpha=-2).topk(
            min(2 * num + 8, len(points)), dim=1, largest=False
        )
        exact = torch.stack([(part - points[which]).double().norm(dim=1) for which in found.indices.T], 1)
        nearest = exact.sort(dim=1, stable=True)
        distances[rows] = nearest.values[:, :num]
        indices[rows] = found.indices.gather(1, nearest.indices[:, :num])
    return distances, indices


def _results(like: Tensor, *shape: int) -> tuple[Tensor, Tensor]:
    """Return room for distances and indices: small results kept between the blocks would make the heap grow."""
    distances = like.new_empty(shape, dtype=torch.float64)
    return distances, torch.empty_like(distances, dtype=torch.long)
