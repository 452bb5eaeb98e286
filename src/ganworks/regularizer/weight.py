"""Weights that change over training: functions of the progress in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

from ganworks.optimizer.schedule import cosine
from ganworks.regularizer.base import check_weight


@dataclass(frozen=True)
class CosineWeight:
    """A weight that goes from ``start`` to ``end`` along half a cosine.

    R3GAN, Huang et al. 2024, anneals gamma in this way (https://arxiv.org/abs/2501.05441).

    >>> CosineWeight(start=2.0, end=0.2)(1.0)
    0.2
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        check_weight(self.start)
        check_weight(self.end)

    def __call__(self, progress: float) -> float:
        return cosine(self.start, self.end, progress)
