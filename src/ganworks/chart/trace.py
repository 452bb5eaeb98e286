"""Many lines in one wide chart, each told apart by its looks and by what is read when the pointer is on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ganworks.chart.axes import axes
from ganworks.chart.frame import WIDE, figure
from ganworks.chart.mark import Marker, polyline
from ganworks.chart.scale import Scale


@dataclass(frozen=True)
class Trace:
    """A line among many.

    Args:
        points: (position, value), ascending.
        classes: its looks in the style sheet.
        label: what is read when the pointer is on it.
        end: marks its last point; None leaves that plain.
    """

    points: Sequence[tuple[float, float]]
    classes: str
    label: str
    end: Marker | None = None


def trace_chart(title: str, traces: Sequence[Trace], x: Scale, y: Scale, alt: str, note: str) -> Markup:
    """Return the lines on their axes, the last on top.

    Args:
        title: its heading.
        traces: the lines.
        x: maps positions to pixels between ``WIDE.x_ends``.
        y: maps values to pixels between ``WIDE.y_ends``.
        alt: what it shows, for those who do not see it.
        note: small print beside the heading.
    """
    parts = [axes(WIDE, x, y, num_x=8, num_y=6)]
    for trace in traces:
        points = [(x(at), y(value)) for at, value in trace.points]
        parts.append(polyline(points, trace.classes, trace.label))
        if trace.end is not None:
            parts.append(trace.end.draw(*points[-1], trace.label))
    return figure(parts, alt, WIDE, title=title, note=note)
