"""Bars: shares of a whole below each other, and what was done when in the lanes of a timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from ganworks.chart.axes import axes
from ganworks.chart.frame import WIDE, Frame, figure
from ganworks.chart.mark import tooltip
from ganworks.chart.scale import range_scale

ROW, LANE = 34, 22  # the height of a bar with its name above it, and of a lane


def bar_chart(shares: Mapping[str, float], alt: str) -> Markup:
    """Return shares of 1 as bars, with their names above and their values behind; ``alt`` says what they are."""
    bar = Markup(
        '<text class="name" x="0" y="{}">{}</text><rect class="bar" x="0" y="{}" width="{:.1f}" height="10"/>'
        '<text class="name" x="{:.1f}" y="{}">{:.0%}</text>'
    )
    frame = Frame(height=4 + ROW * len(shares), left=0, right=50, top=4, bottom=0)
    x = range_scale(0.0, max(shares.values(), default=0.0), *frame.x_ends)
    parts = []
    for index, (name, share) in enumerate(shares.items()):
        y, width = 4 + ROW * index, max(x(share), 1.0)
        parts.append(bar.format(y + 9, name, y + 15, width, width + 6, y + 24, share))
    told = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    return figure(parts, f"{alt}: {told}", frame)


@dataclass(frozen=True)
class Job:
    """A bar of a timeline.

    Args:
        lane: the name of who did it.
        start: when it began.
        end: when it ended.
        classes: its looks in the style sheet.
        label: what is read when the pointer is on it.
    """

    lane: str
    start: float
    end: float
    classes: str
    label: str


def timeline_chart(jobs: Sequence[Job], alt: str, note: str) -> Markup:
    """Return jobs in a lane for each who did any, from time 0 on; ``note`` says what the time counts."""
    bar = Markup('<rect class="job {}" x="{:.1f}" y="{}" width="{:.1f}" height="{}">{}</rect>')
    lanes = list(dict.fromkeys(job.lane for job in jobs))
    top = WIDE.top
    frame = replace(WIDE, height=top + LANE * len(lanes) + WIDE.bottom, left=130)
    x = range_scale(0.0, max((job.end for job in jobs), default=0.0), *frame.x_ends)
    parts = [axes(frame, x, None, num_x=8)]
    for row, lane in enumerate(lanes):
        at = frame.left - 8, top + LANE * row + 14
        parts.append(Markup('<text class="name end" x="{:g}" y="{:g}">{}</text>').format(*at, lane))
    for job in jobs:
        start, y = x(job.start), top + LANE * lanes.index(job.lane) + 3
        width = max(1.5, x(job.end) - start - 1)
        parts.append(bar.format(job.classes, start, y, width, LANE - 6, tooltip(job.label)))
    return figure(parts, alt, frame, note=note)
