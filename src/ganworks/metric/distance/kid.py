r"""Kernel distance (KID): the unbiased squared MMD under the cubic polynomial kernel.

.. math:: k(x, y) = (x^T y / D + 1)^3

Binkowski et al. 2018, section 4 (https://arxiv.org/abs/1801.01401). Unbiased: its expectation is zero for two
samples of one distribution at every sample size, so it may be slightly negative.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganworks.metric.distance.pairwise import row_blocks


def kernel_distance(real: Tensor, fake: Tensor) -> float:
    """Return the unbiased squared MMD between features real (N, D) and fake (M, D), over all pairs."""
    num_real, num_fake = len(real), len(fake)
    real_term = (kernel_sum(real, real) - kernel_diagonal(real)) / (num_real * (num_real - 1))
    fake_term = (kernel_sum(fake, fake) - kernel_diagonal(fake)) / (num_fake * (num_fake - 1))
    return (real_term + fake_term - 2 * kernel_sum(real, fake) / (num_real * num_fake)).item()


def kernel_distance_of_subsets(
    real: Tensor, fake: Tensor, num_subsets: int, subset_size: int, rng: torch.Generator
) -> tuple[float, float]:
    """Return mean and standard deviation of the distance over random subsets, the papers' protocol.

    Args:
        num_subsets: how many pairs of subsets; 100 in the literature.
        subset_size: images in each; 1,000 in the literature, less where there are fewer images.
    """
    subset_size = min(subset_size, len(real), len(fake))
    distances = torch.tensor(
        [
            kernel_distance(_subset(real, subset_size, rng), _subset(fake, subset_size, rng))
            for _ in range(num_subsets)
        ],
        dtype=torch.float64,
    )
    return distances.mean().item(), distances.std(correction=0).item()


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """Return k (N, M) between ``x`` (N, D) and ``y`` (M, D), float64."""
    return (x.double() @ y.double().T / x.shape[1] + 1) ** 3


def kernel_sum(x: Tensor, y: Tensor) -> Tensor:
    """Return the sum () of the kernel over all pairs, block by block."""
    x, y = x.double(), y.double()  # once: copies of all of y between small results would make the heap grow
    blocks = list(row_blocks(len(x), len(y)))
    sums = x.new_empty(len(blocks))
    for index, rows in enumerate(blocks):
        sums[index] = kernel(x[rows], y).sum()
    return sums.sum()


def kernel_diagonal(x: Tensor) -> Tensor:
    """Return the sum () of the kernel of every row of ``x`` (N, D) with itself."""
    return ((x.double().square().sum(1) / x.shape[1] + 1) ** 3).sum()


def _subset(features: Tensor, size: int, rng: torch.Generator) -> Tensor:
    return features[torch.randperm(len(features), generator=rng)[:size].to(features.device)]
