"""From values to pixels: linear and logarithmic scales with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
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


def linear_ticks(low: float, high: float, num: int = 5) -> list[float]:
    """Return the multiples of 1, 2 or 5 times a power of ten in [low, high]: about ``num`` of them.

    >>> linear_ticks(0, 100, 5)
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    step = nice_step((high - low) / max(num, 1))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Written out and read again: 3 * 0.1 is not what one writes for it.
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def nice_step(width: float) -> float:
    """Return the one of 1, 2, 5 times a power of ten that is nearest to ``width``, as a ratio."""
    power = 10.0 ** math.floor(math.log10(width)) if width > 0 else 1.0
    return min(
        (factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / (width or 1)))
    )


def log_ticks(low: float, high: float, num: int = 5) -> list[float]:
    """Return powers of ten in [low, high], 2 and 5 times them too where there are few.

    >>> log_ticks(0.5, 2000, 5)
    [1.0, 10.0, 100.0, 1000.0]
    """
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 2:
        fine = [factor * 10.0**power for power in range(first - 1, last + 1) for factor in (1, 2, 5)]
        inside = [float(f"{tick:.12g}") for tick in fine if low <= tick <= high]
        return inside if len(inside) > 1 else linear_ticks(low, high, num)
    step = max(1, math.ceil((last - first + 1) / (num + 1)))
    return [10.0**power for power in range(first, last + 1) if power % step == 0]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Return the ticks of an axis as words, thousands as 5k where any of them is that large.

    >>> tick_labels([0, 5000, 10_000]), tick_labels([0, 2000, 4000])
    (['0', '5k', '10k'], ['0', '2000', '4000'])
    """
    least = 1e3 if max((abs(tick) for tick in ticks), default=0) >= 1e4 else 1e4
    return [tick_label(tick, least) for tick in ticks]


def tick_label(value: float, least: float = 1e4) -> str:
    """Return a tick's number as it is read at a glance: 0.02, 250k, 1.5M, 10⁻⁷; k from ``least`` up.

    >>> [tick_label(value) for value in (0, 0.25, -3, 20_000, 1.5e6, 1e-7)]
    ['0', '0.25', '−3', '20k', '1.5M', '10⁻⁷']
    """
    size = abs(value)
    if size == 0 or 1e-3 <= size < least:
        text = f"{value:.6g}"
    elif least <= size < 1e12:
        factor, letter = next(pair for pair in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if size >= pair[0])
        text = f"{value / factor:.6g}{letter}"
    else:
        power = math.floor(math.log10(size) + 1e-12)
        factor = float(f"{value / 10.0**power:.3g}")
        head = {1.0: "", -1.0: "-"}.get(factor, f"{factor:g}·")
        return head.replace("-", "−") + "10" + str(power).translate(SUPERSCRIPTS)
    return text.replace("-", "−")
