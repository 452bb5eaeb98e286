r"""CMMD: the squared MMD of CLIP embeddings under a Gaussian kernel, times 1000.

.. math:: k(x, y) = \exp(-|x - y|^2 / 2 \sigma^2), \quad \sigma = 10

Jayasumana et al. 2024, section 4 (https://arxiv.org/abs/2401.09603), on embeddings of length one. The means run
over all pairs, an embedding with itself included, as in the authors' code behind the published figures; so the
distance is never negative, and of two samples of one distribution not quite zero.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ganworks.metric.distance.pairwise import row_blocks, squared_distances

SIGMA = 10.0
SCALE = 1000.0


def clip_distance(real: Tensor, fake: Tensor, sigma: float = SIGMA, scale: float = SCALE) -> float:
    """Return the distance of embeddings real (N, D) and fake (M, D); they are brought to length one first.

    >>> round(clip_distance(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])), 3)  # 1000 (2 - 2 e^-.01)
    19.9
    """
    real, fake = F.normalize(real.double(), dim=1), F.normalize(fake.double(), dim=1)
    return scale * gaussian_mmd(real, fake, sigma)


def gaussian_mmd(x: Tensor, y: Tensor, sigma: float) -> float:
    """Return the squared MMD (biased, all pairs) between ``x`` (N, D) and ``y`` (M, D)."""
    terms = _mean_kernel(x, x, sigma) + _mean_kernel(y, y, sigma) - 2 * _mean_kernel(x, y, sigma)
    return max(0.0, terms.item())  # rounding may leave -1e-16 where both are the same


def _mean_kernel(x: Tensor, y: Tensor, sigma: float) -> Tensor:
    """Return the mean () of k - 1 over all pairs: the ones cancel, and with them the digits that they cost."""
    sums = [
        torch.expm1(squared_distances(x[rows], y) / (-2 * sigma**2)).sum()
        for rows in row_blocks(len(x), len(y))
    ]
    return torch.stack(sums).sum() / (len(x) * len(y))
