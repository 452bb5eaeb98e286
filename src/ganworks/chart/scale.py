"""From values to pixels: linear and logarithmic scales with ticks at round numbers, and axes of choices."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ganworks.chart.tick import linear_ticks, log_ticks, short, tick_labels

DECADES = 1.5  # positive values that span as many, a factor of 30, get a logarithmic axis
LARGEST = 1e300  # the width of an axis stays a number


@dataclass(frozen=True)
class Scale:
    """Map values from ``low`` to ``high`` to pixels from ``start`` to ``end``.

    Args:
        low: the smallest value; above 0 where ``log``.
        high: the largest value, above ``low``.
        start: pixel of ``low``; above ``end`` for an axis that points up.
        end: pixel of ``high``.
        log: map the logarithm of the value.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        if self.log:
            low = math.log(self.low)
            share = (math.log(value) - low) / (math.log(self.high) - low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, num: int = 5) -> list[float]:
        """Return about ``num`` round values in [low, high]."""
        return log_ticks(self.low, self.high, num) if self.log else linear_ticks(self.low, self.high, num)

    def labels(self, num: int = 5) -> list[tuple[float, str]]:
        """Return (pixel, words) of about ``num`` ticks."""
        ticks = self.ticks(num)
        return list(zip(map(self, ticks), tick_labels(ticks), strict=True))


@dataclass(frozen=True)
class Choices:
    """Map each of some options to the middle of its share of the pixels from ``start`` to ``end``.

    Args:
        options: in the order in which they stand on the axis.
        start: pixel at which the axis begins.
        end: pixel at which it ends.
    """

    options: Sequence[Any]
    start: float
    end: float

    def __call__(self, option: Any) -> float:
        return self._middle(self.options.index(option))

    def labels(self, num: int = 5) -> list[tuple[float, str]]:
        """Return (pixel, words) of all options, however many ``num`` asks for."""
        return [(self._middle(index), short(option)) for index, option in enumerate(self.options)]

    def _middle(self, index: int) -> float:
        return self.start + (self.end - self.start) / len(self.options) * (index + 0.5)


Axis = Scale | Choices


def range_scale(low: float, high: float, start: float, end: float, log: bool = False) -> Scale:
    """Return the scale from ``low`` to ``high``, one unit long where they are the same."""
    return Scale(low, high if high > low else low + 1, start, end, log)


def spans_decades(values: Iterable[float], num: float = DECADES) -> bool:
    """Say whether the finite values are positive and so far apart that a logarithmic axis shows them better."""
    finite = [value for value in values if math.isfinite(value)]
    return min(finite, default=0.0) > 0 and math.log10(max(finite)) - math.log10(min(finite)) >= num


def fit(values: Iterable[float], start: float, end: float, log: bool = False) -> Scale:
    """Return a scale that holds all finite ``values`` with a little air around them."""
    finite = [min(max(value, -LARGEST), LARGEST) for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.1, 1.0)
    if log:
        air = 10.0 ** (0.04 * (math.log10(high) - math.log10(low)) or 0.3)
        return Scale(max(low / air, 1 / LARGEST**1.02), min(high * air, LARGEST**1.02), start, end, log=True)
    air = 0.04 * (high - low) or 0.5 * abs(high) or 0.5
    padded = low - air
    # Counts, norms and shares do not go below 0: neither does their axis.
    return Scale(0.0 if padded < 0 <= low else padded, high + air, start, end)
