"""The weight of a penalty that changes over training; see `ganworks.schedule`."""

from __future__ import annotations

from dataclasses import dataclass

from ganworks.regularizer.base import check_weight
from ganworks.schedule import Cosine


@dataclass(frozen=True)
class CosineWeight(Cosine):
    """`ganworks.schedule.Cosine` between weights above 0.

    R3GAN, Huang et al. 2024, anneals gamma in this way (https://arxiv.org/abs/2501.05441).

    >>> CosineWeight(start=2.0, end=0.2)(1.0)
    0.2
    """

    def __post_init__(self) -> None:
        check_weight(self.start)
        check_weight(self.end)
        super().__post_init__()
