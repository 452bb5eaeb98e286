"""Line charts as SVG, drawn here: the page needs no library, and a reader without scripts sees them too."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from ganworks.chart.axes import axes, rules
from ganworks.chart.band import Band, bands
from ganworks.chart.curve import Curve, downsample, segments
from ganworks.chart.frame import NOTHING, SMALL, Frame, figure
from ganworks.chart.mark import Marker, fill, key, path, polyline, stroke
from ganworks.chart.scale import Scale, fit, range_scale, spans_decades

NUM_POINTS = 240


@dataclass(frozen=True)
class Series:
    """A line: positions and values, and the place of its colour in the palette."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    color: int = 0


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
    parts = [axes(SMALL, x, y), *bands(SMALL, chart.bands, x), *rules(SMALL, chart.rules, y)]
    for series, curve in zip(chart.series, curves, strict=True):
        parts += line(series.color, curve, x, y)
    parts.append(Markup('<g class="cursor"></g>'))
    data = {  # chart.js reads values out from it, and maps them as `Scale` does
        "x": [x.low, x.high, x.start, x.end],
        "y": [y.low, y.high, y.start, y.end, y.log],
        "unit": chart.unit,
        "series": [[numbers(curve.x, 9), numbers(curve.y)] for curve in curves],
        "bands": [[band.start, band.end, band.label] for band in chart.bands],
    }
    return figure(
        parts, description(chart), title=chart.title, note=chart.note, legend=legend(chart), data=data
    )


def scales(chart: Chart, curves: Sequence[Curve], frame: Frame = SMALL) -> tuple[Scale, Scale]:
    """Return the scales of a chart in ``frame``: the lines and what lies on them fit in."""
    positions = [position for curve in curves for position in curve.x]
    low, high = chart.x_range or (min(positions, default=0.0), max(positions, default=1.0))
    values = [value for curve in curves for values in (curve.low, curve.high) for value in values]
    is_log = spans_decades(values) if chart.log is None else chart.log
    # A line to compare with does not decide the scale: one at or below 0 is left out of a logarithmic one.
    marks = [value for value, _ in chart.rules if value > 0 or not is_log]
    return range_scale(low, high, *frame.x_ends), fit([*values, *marks], *frame.y_ends, is_log)


def line(color: int, curve: Curve, x: Scale, y: Scale) -> list[Markup]:
    """Return a curve: its line, the area of its extremes where a point stands for many, dots for lone points."""
    parts = []
    px = [x(position) for position in curve.x]
    for part in segments(curve):
        if not curve.is_exact:
            high = list(zip(px[part], map(y, curve.high[part]), strict=True))
            low = list(zip(px[part], map(y, curve.low[part]), strict=True))
            area = path([*high, *reversed(low)]) + "Z"
            parts.append(Markup('<path class="range {}" d="{}"/>').format(fill(color), area))
        points = list(zip(px[part], map(y, curve.y[part]), strict=True))
        if len(points) == 1:
            parts.append(Marker(fill(color), 2.2).draw(*points[0]))
        else:
            parts.append(polyline(points, f"line {stroke(color)}"))
    return parts


def legend(chart: Chart) -> Markup:
    """Return the names of the lines; the script writes values beside them."""
    keys = [
        Markup("<li>{}{} <output></output></li>").format(key(series.color), series.name)
        for series in chart.series
    ]
    keys += [
        Markup('<li class="quiet"><i class="key rule"></i>{} {:.4g}</li>').format(name, value)
        for value, name in chart.rules
        if math.isfinite(value)
    ]
    return Markup('<ul class="legend">{}</ul>').format(NOTHING.join(keys))


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
