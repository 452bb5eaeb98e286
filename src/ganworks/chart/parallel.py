"""Parallel coordinates: an upright axis a dimension, and a line through all of them for each point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ganworks.chart.axes import upright
from ganworks.chart.frame import UPRIGHT, figure
from ganworks.chart.mark import polyline
from ganworks.chart.scale import Axis


@dataclass(frozen=True)
class Thread:
    """A point of many dimensions.

    Args:
        places: its pixel on each axis; None where it has no value there.
        classes: its looks in the style sheet.
        label: what is read when the pointer is on it.
    """

    places: Sequence[float | None]
    classes: str
    label: str


def parallel_chart(dimensions: Sequence[tuple[str, Axis]], threads: Sequence[Thread], alt: str) -> Markup:
    """Return the lines, the last on top, below the axes.

    Args:
        dimensions: (name, axis), two or more; the axes run between ``UPRIGHT.y_ends``.
        threads: the points.
        alt: what the chart shows, for those who do not see it.
    """
    left, right = UPRIGHT.x_ends
    columns = [left + (right - left) * index / (len(dimensions) - 1) for index in range(len(dimensions))]
    lines = [
        polyline(
            [(x, y) for x, y in zip(columns, thread.places, strict=True) if y is not None],
            thread.classes,
            thread.label,
        )
        for thread in threads
    ]
    frame = [
        upright(UPRIGHT, x, axis, name, row=index % 2)
        for index, (x, (name, axis)) in enumerate(zip(columns, dimensions, strict=True))
    ]
    return figure([*lines, *frame], alt, UPRIGHT)
