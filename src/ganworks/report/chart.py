"""Line charts as SVG, drawn here: the page needs no library, and a reader without scripts sees them too."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from ganworks.report.band import NUM_COLORS, Band, bands
from ganworks.report.curve import Curve, downsample, segments
from ganworks.report.scale import Scale, fit, spans_decades, tick_labels

WIDTH, HEIGHT = 360, 200  # units of the drawing; near pixels, so that the type keeps its size
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 14, 24
NUM_POINTS = 240
NOTHING = Markup("")


@dataclass(frozen=True)
class Series:
    """A line: positions and values, and the place of its colour in the palette."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    color: int = 0
    classes: str = ""  # more classes for the line: `faint` for what stands in the background


@dataclass(frozen=True)
class Chart:
    """What a line chart shows.

    Args:
        title: its heading.
        series: the lines.
        x_range: ends of the x-axis; None takes those of the lines.
        bands: stretches to mark.
        rules: values to draw a horizontal line at, and their names.
        log: a logarithmic y-axis; None decides by the values.
        unit: what the x-axis counts.
        note: small print beside the title.
    """

    title: str
    series: Sequence[Series]
    x_range: tuple[float, float] | None = None
    bands: Sequence[Band] = ()
    rules: Sequence[tuple[float, str]] = field(default=())
    log: bool | None = None
    unit: str = "images"
    note: str = ""


def line_chart(chart: Chart, num_points: int = NUM_POINTS) -> Markup:
    """Return a chart as a `<figure>`: heading, legend that reads out values, drawing, and the points as JSON."""
    curves = [downsample(series.x, series.y, num_points) for series in chart.series]
    x, y = scales(chart, curves)
    drawing = [axes(x, y), *bands(chart.bands, x, TOP, HEIGHT - BOTTOM), *rules(chart.rules, y)]
    for series, curve in zip(chart.series, curves, strict=True):
        drawing += line(series, curve, x, y)
    drawing.append(Markup('<g class="cursor"></g>'))
    data = {
        "x": [x.low, x.high, x.start, x.end],
        "y": [y.low, y.high, y.start, y.end, y.log],
        "unit": chart.unit,
        "series": [[numbers(curve.x, 9), numbers(curve.y)] for curve in curves],
        "bands": [[band.start, band.end, band.label] for band in chart.bands],
    }
    return figure(chart.title, svg(drawing, description(chart)), legend(chart), data, chart.note)


def figure(
    title: str, drawing: Markup, keys: Markup = NOTHING, data: object = None, note: str = ""
) -> Markup:
    """Return a `<figure>` around a drawing; ``data`` is what the script reads values from, if it reads any."""
    can_be_read, values = NOTHING, NOTHING
    if data is not None:
        can_be_read = Markup(' tabindex="0"')
        values = Markup('<script type="application/json">{}</script>').format(script_json(data))
    head = Markup('<figcaption><h4>{}</h4><span class="note">{}</span><span class="at"></span></figcaption>')
    return Markup('<figure class="chart"{}>{}{}{}{}</figure>').format(
        can_be_read, head.format(title, note) if title or note else NOTHING, keys, drawing, values
    )


def svg(parts: Iterable[Markup], label: str, height: float = HEIGHT, width: float = WIDTH) -> Markup:
    """Return a drawing that scales with its column."""
    return Markup('<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
        width, height, label, Markup("").join(parts)
    )


def script_json(data: object) -> Markup:
    """Return ``data`` as JSON that can stand inside a script element."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def scales(chart: Chart, curves: Sequence[Curve]) -> tuple[Scale, Scale]:
    """Return the scales of a chart: the lines and what lies on them fit in."""
    positions = [position for curve in curves for position in curve.x]
    low, high = chart.x_range or (min(positions, default=0.0), max(positions, default=1.0))
    x = Scale(low, high if high > low else low + 1, LEFT, WIDTH - RIGHT)
    values = [value for curve in curves for values in (curve.low, curve.high) for value in values]
    is_log = spans_decades(values) if chart.log is None else chart.log
    # A line to compare with does not decide the scale: one at or below 0 is left out of a logarithmic one.
    marks = [value for value, _ in chart.rules if value > 0 or not is_log]
    return x, fit([*values, *marks], HEIGHT - BOTTOM, TOP, is_log)


def axes(
    x: Scale,
    y: Scale,
    num_x: int = 4,
    num_y: int = 5,
    x_ticks: Sequence[tuple[float, str]] | None = None,
) -> Markup:
    """Return ticks with hairlines across, and the names of the values below and beside them.

    Args:
        x: the scale of positions.
        y: the scale of values.
        num_x: about how many ticks the x-axis has.
        num_y: about how many the y-axis has; 0 for none.
        x_ticks: pixels and words of the x-axis' ticks, where they are not round values of ``x``.
    """
    hair = Markup('<path class="hair" d="{}"/><text class="tick {}" x="{:.1f}" y="{:.1f}">{}</text>')
    parts = []
    rows = y.ticks(num_y) if num_y else []
    for tick, label in zip(rows, tick_labels(rows), strict=True):
        across = f"M{x.start:g} {y(tick):.1f}H{x.end:g}"
        parts.append(hair.format(across, "y", x.start - 6, y(tick) + 3.5, label))
    for place, label in named(x, num_x) if x_ticks is None else x_ticks:
        parts.append(hair.format(f"M{place:.1f} {y.start:g}v4", "x", place, y.start + 16, label))
    parts.append(Markup('<path class="axis" d="M{:g} {:g}H{:g}"/>').format(x.start, y.start, x.end))
    return Markup("").join(parts)


def named(scale: Scale, num: int) -> list[tuple[float, str]]:
    """Return the pixels and the words of about ``num`` ticks."""
    ticks = scale.ticks(num)
    return list(zip(map(scale, ticks), tick_labels(ticks), strict=True))


def rules(marked: Sequence[tuple[float, str]], y: Scale) -> list[Markup]:
    """Return horizontal lines at values to compare with."""
    return [
        Markup('<path class="rule" d="M{:g} {:.1f}H{:g}"><title>{} {:.4g}</title></path>').format(
            LEFT, y(value), WIDTH - RIGHT, name, value
        )
        for value, name in marked
        if math.isfinite(value) and (value > 0 or not y.log)
    ]


def line(series: Series, curve: Curve, x: Scale, y: Scale) -> list[Markup]:
    """Return a curve: its line, the band of its extremes where a point stands for many, dots for lone points."""
    parts, color = [], series.color % NUM_COLORS
    dash = " dashed" if series.color >= NUM_COLORS else ""
    px = [x(position) for position in curve.x]
    for part in segments(curve):
        high = list(zip(px[part], map(y, curve.high[part]), strict=True))
        low = list(zip(px[part], map(y, curve.low[part]), strict=True))
        points = list(zip(px[part], map(y, curve.y[part]), strict=True))
        if not curve.is_exact:
            area = path([*high, *reversed(low)]) + "Z"
            parts.append(Markup('<path class="range f{}" d="{}"/>').format(color, area))
        if len(points) == 1:
            (cx, cy) = points[0]
            parts.append(
                Markup('<circle class="f{}" cx="{:.1f}" cy="{:.1f}" r="2.2"/>').format(color, cx, cy)
            )
        else:
            classes = f"line s{color}{dash} {series.classes}".strip()
            parts.append(Markup('<path class="{}" d="{}"/>').format(classes, path(points)))
    return parts


def path(points: Iterable[tuple[float, float]]) -> str:
    """Return points as the data of a path."""
    return "M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in points)


def legend(chart: Chart) -> Markup:
    """Return the names of the lines; the script writes values beside them."""
    keys = [
        Markup('<li><i class="key f{}{}"></i>{} <output></output></li>').format(
            series.color % NUM_COLORS, " dashed" if series.color >= NUM_COLORS else "", series.name
        )
        for series in chart.series
    ]
    keys += [
        Markup('<li class="quiet"><i class="key rule"></i>{} {:.4g}</li>').format(name, value)
        for value, name in chart.rules
        if math.isfinite(value)
    ]
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(keys))


def description(chart: Chart) -> str:
    """Return what a chart shows in words, for those who do not see it."""
    parts = []
    for series in chart.series:
        finite = [value for value in series.y if math.isfinite(value)]
        if finite:
            parts.append(
                f"{series.name}: last {finite[-1]:.4g}, lowest {min(finite):.4g}, highest {max(finite):.4g}"
            )
    return f"{chart.title} over {chart.unit}. {'; '.join(parts) or 'No values'}."


def numbers(values: Iterable[float], digits: int = 5) -> list[float | None]:
    """Return values with the digits that a read-out shows, None for NaN."""
    return [None if math.isnan(value) else float(f"{value:.{digits}g}") for value in values]
