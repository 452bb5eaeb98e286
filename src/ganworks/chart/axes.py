"""Axes: hairlines at the ticks with the values beside them, and lines at values to compare with."""

from __future__ import annotations

import math
from collections.abc import Iterable

from markupsafe import Markup

from ganworks.chart.frame import NOTHING, Frame
from ganworks.chart.scale import Axis, Scale

TEXT = Markup('<text class="tick {}" x="{:.1f}" y="{:.1f}">{}</text>')
RAISED = 3.5  # from the middle of a line of type down to where it stands


def axes(frame: Frame, x: Axis, y: Axis | None, num_x: int = 4, num_y: int = 5) -> Markup:
    """Return ticks with hairlines across, and the names of the values below and beside them.

    Args:
        frame: that the axes stand in.
        x: maps positions.
        y: maps values; None draws no y-axis.
        num_x: about how many ticks the x-axis has.
        num_y: about how many the y-axis has.
    """
    (left, right), (bottom, _) = frame.x_ends, frame.y_ends
    hair = Markup('<path class="hair" d="{}"/>')
    parts = []
    for place, label in y.labels(num_y) if y is not None else ():
        across = f"M{left:g} {place:.1f}H{right:g}"
        parts.append(hair.format(across) + TEXT.format("y", left - 6, place + RAISED, label))
    for place, label in x.labels(num_x):
        down = f"M{place:.1f} {bottom:g}v4"
        parts.append(hair.format(down) + TEXT.format("x", place, bottom + 16, label))
    parts.append(Markup('<path class="axis" d="M{:g} {:g}H{:g}"/>').format(left, bottom, right))
    return NOTHING.join(parts)


def upright(frame: Frame, at: float, axis: Axis, name: str, row: int = 0, num: int = 4) -> Markup:
    """Return an axis that stands at the pixel ``at``, its name above it in one of two rows: long ones need both."""
    bottom, top = frame.y_ends
    head = Markup('<text class="middle name" x="{:.1f}" y="{}">{}</text>').format(at, 10 + 15 * row, name)
    line = Markup('<path class="axis" d="M{:.1f} {:g}V{:g}"/>').format(at, top, bottom)
    ticks = [TEXT.format("y", at - 5, place + RAISED, label) for place, label in axis.labels(num)]
    return NOTHING.join([head, line, *ticks])


def rules(frame: Frame, marked: Iterable[tuple[float, str]], y: Scale) -> list[Markup]:
    """Return horizontal lines at values to compare with, given as (value, name)."""
    rule = Markup('<path class="rule" d="M{:g} {:.1f}H{:g}"><title>{} {:.4g}</title></path>')
    left, right = frame.x_ends
    return [
        rule.format(left, y(value), right, name, value)
        for value, name in marked
        if math.isfinite(value) and (value > 0 or not y.log)
    ]
