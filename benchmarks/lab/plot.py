"""The picture of a bench: a line a row, a dot a seed and a bar at the mean, as SVG that stands alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from xml.sax.saxutils import escape

from markupsafe import Markup

from ganworks.chart.axes import TEXT
from ganworks.chart.frame import Frame
from ganworks.chart.mark import Marker
from ganworks.chart.scale import Scale, fit
from lab.bench import Bench, Column, Row
from lab.table import Summaries, groups, values_of

LINE, LETTER, PLOT = 16, 6.2, 530  # pixels of a line, of a letter and of the axis
STYLE = """text{font:11px sans-serif;fill:#444}.end{text-anchor:end}.x{text-anchor:middle}.group{font-weight:600}
.hair{stroke:#e4e4e4;fill:none}.axis{stroke:#888;fill:none}.rule{stroke:#888;stroke-dasharray:4 3;fill:none}
.dot{fill:#0072b2;opacity:.55}.mean{stroke:#d55e00;stroke-width:2.2;fill:none}"""

NAME = Markup('<text class="{}" x="{}" y="{:.1f}">{}</text>')


def draw(bench: Bench, rows: Sequence[Row], summaries: Summaries, column: Column) -> str:
    """Return the SVG of one figure: rows below each other in their groups, real samples as a dashed line."""
    values = {row.name: values_of(summaries[row.name], column) for row in rows}
    floors = [
        value
        for runs in summaries.values()
        for summary in runs
        if (value := column.read(summary.get("floor") or {})) is not None
    ]
    lines: list[Row | str] = []
    for group in groups(rows):
        lines += [group] if group else []
        lines += [row for row in rows if row.group == group]
    left = round(20 + LETTER * max(len(row.name) for row in rows))
    frame = Frame(left + PLOT, 44 + LINE * len(lines), left, 16, 24, 20)
    everything = [value for each in values.values() for value in each] + floors
    is_log = column.log and all(value > 0 for value in everything)
    x = fit(everything, *frame.x_ends, is_log)
    parts = [heading(column, frame), *grid(frame, x)]
    if floors:
        parts.append(rule(frame, x(statistics.mean(floors))))
    for index, line in enumerate(lines):
        y = frame.top + LINE * (index + 0.5)
        if isinstance(line, Row):
            parts.append(NAME.format("name end", left - 10, y + 4, line.name))
            parts += dots(values[line.name], x, y)
        else:
            parts.append(NAME.format("group", 8, y + 4, line))
    return standalone(parts, frame, f"{bench.title}: {column.title}")


def heading(column: Column, frame: Frame) -> Markup:
    """Return what the axis counts, and which way is better."""
    better = "less" if column.best == "min" else "more"
    return Markup('<text x="{}" y="14">{}; {} is better, dashed: real samples</text>').format(
        frame.left, column.title, better
    )


def grid(frame: Frame, x: Scale) -> list[Markup]:
    """Return the ticks of the axis, and hairlines above them."""
    hair = Markup('<path class="hair" d="M{:.1f} {:g}V{:g}"/>')
    bottom, top = frame.y_ends
    return [
        hair.format(place, bottom, top) + TEXT.format("x", place, bottom + 15, label)
        for place, label in x.labels(7)
    ]


def rule(frame: Frame, place: float) -> Markup:
    """Return the line of real samples."""
    bottom, top = frame.y_ends
    return Markup('<path class="rule" d="M{:.1f} {:g}V{:g}"/>').format(place, bottom, top)


def dots(values: Sequence[float], x: Scale, y: float) -> list[Markup]:
    """Return a dot for each value, and a bar at their mean."""
    parts = [Marker("dot", 2.6).draw(x(value), y) for value in values]
    if values:
        mean = x(statistics.mean(values))
        parts.append(Markup('<path class="mean" d="M{:.1f} {:.1f}v11"/>').format(mean, y - 5.5))
    return parts


def standalone(parts: Sequence[Markup], frame: Frame, title: str) -> str:
    """Return a file of its own: with its style, and white below, so that it can be read on a dark page."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {frame.width:g} {frame.height:g}" role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><rect width='100%' height='100%' fill='#fff'/>"
    )
    return head + "".join(parts) + "</svg>\n"
