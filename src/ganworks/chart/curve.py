"""Long curves made short: what a chart some hundred pixels wide can show, extremes included."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

NAN = float("nan")


@dataclass(frozen=True)
class Curve:
    """Points of a curve; ``low`` and ``high`` are the extremes of what a point stands for.

    Args:
        x: positions, ascending.
        y: values; NaN where there is no number, which interrupts the curve.
    """

    x: list[float]
    y: list[float]
    low: list[float]
    high: list[float]

    @property
    def is_exact(self) -> bool:
        """Whether each point is a single value."""
        return self.low == self.high


def downsample(x: Sequence[float], y: Sequence[float], num: int) -> Curve:
    """Return the curve as at most ``num`` points: the means of runs of equal length, with their extremes.

    Values that are not finite count for nothing in a mean; where a run has no other its point is NaN.

    Args:
        x: positions (N,), ascending.
        y: values (N,).
        num: the largest number of points.
    """
    num = min(num, len(x))
    bounds = [round(index * len(x) / num) for index in range(num + 1)] if num else [0]
    points = [(x[a:b], y[a:b]) for a, b in pairwise(bounds)]
    finite = [[value for value in values if math.isfinite(value)] for _, values in points]
    return Curve(
        [mean(positions) for positions, _ in points],
        [mean(values) for values in finite],
        [min(values, default=NAN) for values in finite],
        [max(values, default=NAN) for values in finite],
    )


def segments(curve: Curve) -> list[slice]:
    """Return the stretches of a curve without NaN.

    >>> segments(Curve([0, 1, 2], [5.0, float("nan"), 6.0], [], []))
    [slice(0, 1, None), slice(2, 3, None)]
    """
    found: list[slice] = []
    start = None
    for index, value in enumerate([*curve.y, NAN]):
        if math.isnan(value):
            found += [] if start is None else [slice(start, index)]
            start = None
        elif start is None:
            start = index
    return found


def mean(values: Sequence[float]) -> float:
    """Return the mean of ``values``, NaN of none; huge values do not overflow."""
    return sum(value / len(values) for value in values) if values else NAN
