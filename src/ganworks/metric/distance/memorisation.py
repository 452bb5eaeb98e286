"""Share of fakes that are copies of a training image, which no distance between distributions can see.

After the authenticity of Alaa et al. 2022, section 3.3 (https://arxiv.org/abs/2102.08921): a fake is memorised unless
it lies farther from its nearest real than that real lies from its own nearest other. So a copy of an image that the
reals hold twice is memorised: both distances are zero. With the paper's ratio of 1 nearly half of all unseen real
images count as memorised; a ratio of .7 leaves some percent of them and still catches copies under slight noise. What
remains is the floor, measured on the reals.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganworks.metric.distance.pairwise import nearest, nearest_others

RATIO = 0.7


def memorised_share(real: Tensor, fake: Tensor, ratio: float = RATIO) -> float:
    """Return the share of fakes (M, D) within ``ratio`` times their nearest real's own gap.

    Args:
        real: the training images (N, D); pixels or features.
        ratio: 1 is the complement of the paper's authenticity; smaller is stricter.
    """
    distances, rows = nearest(fake, real)
    gaps = nearest_others(real, 1)[0][:, 0]
    return _share(distances, gaps[rows], ratio)


def authenticity(real: Tensor, fake: Tensor) -> float:
    """Return the share of fakes (M, D) that are authentic: farther from their nearest real (N, D) than its own gap.

    The paper's own figure, eq. 5, and the complement of `memorised_share` at a ratio of 1. Unseen real images score
    about one half, copies 0, and noise, which resembles nothing, 1.
    """
    return 1 - memorised_share(real, fake, ratio=1.0)


def memorised_floor(real: Tensor, ratio: float = RATIO) -> float:
    """Return the share that unseen real images would get: each real (N, D) in turn against all the others.

    Leave-one-out, so that the set they are held against is as large as the fakes' but for one.
    """
    distances, rows = nearest_others(real, 2)
    neighbour = rows[:, 0]
    own = torch.arange(len(real), device=real.device)
    is_mutual = rows[neighbour, 0] == own  # the neighbour's gap must not be measured to the one left out
    gaps = torch.where(is_mutual, distances[neighbour, 1], distances[neighbour, 0])
    return _share(distances[:, 0], gaps, ratio)


def _share(squared_distances: Tensor, squared_gaps: Tensor, ratio: float) -> float:
    return (squared_distances <= ratio**2 * squared_gaps).double().mean().item()
