r"""Wasserstein distances of samples: exact in one dimension, sliced in more.

.. math:: W_p^p = \int_0^1 |F^{-1}(u) - G^{-1}(u)|^p du, \qquad
          SW_p^p = \mathbb{E}_{\theta} W_p^p(\theta^T x, \theta^T y)

with directions uniform on the unit sphere; Bonneel et al. 2015, section 3. It looks at the samples themselves, in
their own units, and sees a wrong width that modes and high quality do not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganworks.noise import keyed_rng

NUM_DIRECTIONS = 128


def wasserstein(x: Tensor, y: Tensor, order: int = 1) -> Tensor:
    """Return the distances (K,), float64, between the columns of ``x`` (N, K) and those of ``y`` (M, K).

    >>> wasserstein(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [3.0], [3.0], [1.0]])).item()
    1.0
    """
    x, y = x.double().sort(0).values, y.double().sort(0).values
    width, rows_x, rows_y = _steps(len(x), len(y))
    costs = (x[rows_x] - y[rows_y]).abs() ** order
    return (width.to(x)[:, None] * costs).sum(0) ** (1 / order)


def sliced_wasserstein(
    x: Tensor, y: Tensor, order: int = 2, num_directions: int = NUM_DIRECTIONS, seed: int = 0
) -> float:
    """Return the sliced distance between ``x`` (N, D) and ``y`` (M, D); in one dimension the distance itself.

    Args:
        order: p; 1 or 2.
        num_directions: projections that the mean is taken over.
        seed: key of the directions.
    """
    rng = keyed_rng(seed, "sliced wasserstein")
    num = num_directions if x.shape[1] > 1 else 1
    directions = torch.randn(x.shape[1], num, generator=rng, dtype=torch.float64)
    directions = (directions / directions.norm(dim=0)).to(x.device)
    distances = wasserstein(x.double() @ directions, y.double() @ directions, order)
    return ((distances**order).mean() ** (1 / order)).item()


def _steps(num_x: int, num_y: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return widths (S,) and rows (S,) of the pieces on which both quantile functions are constant.

    The levels i / N and j / M are compared as i M and j N, without rounding.
    """
    levels = torch.cat([torch.arange(num_x + 1) * num_y, torch.arange(1, num_y) * num_x]).unique()
    return levels.diff().double() / (num_x * num_y), levels[:-1] // num_y, levels[:-1] // num_x
