"""Precision, recall, density and coverage: fidelity and diversity apart, from k-nearest-neighbour balls.

A ball around each image reaches to its k-th nearest other image of the same set.

- precision: share of fakes inside some real's ball; recall: share of reals inside some fake's ball.
  Kynkaanniemi et al. 2019, eq. 1 and 2 (https://arxiv.org/abs/1904.06991).
- density: balls of reals that a fake lies in, on average, over k (it may pass 1); coverage: share of reals
  with a fake in their ball. Naeem et al. 2020, eq. 3 and 4 (https://arxiv.org/abs/2002.09797).

Precision alone is a trap: an untrained generator whose images all look alike can reach .99.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganworks.metric.distance.pairwise import nearest_others, row_blocks, squared_distances


@dataclass(frozen=True)
class Prdc:
    """The four figures; precision, recall and coverage in [0, 1], density from 0 up."""

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall_density_coverage(real: Tensor, fake: Tensor, num_neighbours: int = 5) -> Prdc:
    """Return the four figures for features real (N, D) and fake (M, D), both with more than k rows.

    Args:
        num_neighbours: k; 5 in Naeem et al. 2020, 3 in Kynkaanniemi et al. 2019.
    """
    real, fake = real.double(), fake.double()  # once, not in every block
    real_radii, fake_radii = squared_radii(real, num_neighbours), squared_radii(fake, num_neighbours)
    num_balls = torch.zeros(
        len(fake), dtype=torch.long, device=fake.device
    )  # balls of reals around each fake
    num_recalled = num_covered = 0
    for rows in row_blocks(len(real), len(fake)):
        distances = squared_distances(real[rows], fake)
        in_real_ball = distances <= real_radii[rows, None]
        num_balls += in_real_ball.sum(0)
        num_covered += int(in_real_ball.any(1).sum())
        num_recalled += int((distances <= fake_radii).any(1).sum())
    return Prdc(
        precision=(num_balls > 0).double().mean().item(),
        recall=num_recalled / len(real),
        density=num_balls.double().mean().item() / num_neighbours,
        coverage=num_covered / len(real),
    )


def squared_radii(features: Tensor, num_neighbours: int) -> Tensor:
    """Return the squared distance (N,) of each row of features (N, D) to its k-th nearest other row."""
    return nearest_others(features, num_neighbours)[0][:, -1]
