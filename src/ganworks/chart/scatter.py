"""Scatter charts: a marker a point, over an axis of numbers or of choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ganworks.chart.axes import axes
from ganworks.chart.frame import SMALL, figure
from ganworks.chart.mark import Marker, polyline
from ganworks.chart.scale import Axis, Scale


@dataclass(frozen=True)
class Dot:
    """A point of a scatter chart.

    Args:
        x: its position: a number, or an option of an axis of choices.
        y: its value.
        marker: how it looks.
        label: what is read when the pointer is on it.
        nudge: pixels to the right of its place; points with the same option then stand beside each other.
    """

    x: Any
    y: float
    marker: Marker
    label: str
    nudge: float = 0.0


def scatter_chart(
    title: str,
    dots: Sequence[Dot],
    x: Axis,
    y: Scale,
    alt: str,
    note: str = "",
    levels: Sequence[tuple[float, float]] = (),
) -> Markup:
    """Return dots on their axes, the last on top.

    Args:
        title: its heading.
        dots: the points.
        x: maps their positions.
        y: maps their values.
        alt: what it shows, for those who do not see it.
        note: small print beside the heading.
        levels: (position, value) of a line that goes in steps, each value held from its position to the next.
    """
    parts = [axes(SMALL, x, y)]
    if levels:
        parts.append(polyline(steps([(x(at), y(value)) for at, value in levels]), "step"))
    parts += [dot.marker.draw(x(dot.x) + dot.nudge, y(dot.y), dot.label) for dot in dots]
    return figure(parts, alt, title=title, note=note)


def steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the corners of a line that goes level to each point, then up or down to it.

    >>> steps([(0, 5), (2, 3)])
    [(0, 5), (2, 5), (2, 3)]
    """
    corners = list(points[:1])
    for x, y in points[1:]:
        corners += [(x, corners[-1][1]), (x, y)]
    return corners
