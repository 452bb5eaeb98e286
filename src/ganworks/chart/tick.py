"""Where the ticks of an axis stand, and the words beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


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


def short(value: Any) -> str:
    """Return a setting's value in words, a number in four digits.

    >>> short(0.123456), short("r1"), short(None)
    ('0.1235', 'r1', 'None')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)
