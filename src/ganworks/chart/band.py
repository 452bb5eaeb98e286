"""Stretches of a chart in which something happened: areas behind the lines, or strips above them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from ganworks.chart.frame import Frame
from ganworks.chart.mark import fill
from ganworks.chart.scale import Scale

KINDS = ("critical", "warning", "info")  # the gravest first
DIGIT = 7  # width of a mark's character
RECT = Markup('<rect class="{}" x="{:.1f}" y="{:g}" width="{:.1f}" height="{:g}"><title>{}</title></rect>')


@dataclass(frozen=True)
class Band:
    """A stretch of the x-axis that something happened in.

    Args:
        start: where it begins.
        end: where it ends.
        label: what is read when the pointer is on it.
        kind: `critical`, `warning` or `info`.
        mark: one or two characters at its top.
        lane: bands of several runs are thin strips, one below the other; None is the height of the chart.
        color: of a strip: the place in the palette.
    """

    start: float
    end: float
    label: str
    kind: str = "warning"
    mark: str = ""
    lane: int | None = None
    color: int = 0


def bands(frame: Frame, marked: Sequence[Band], x: Scale) -> list[Markup]:
    """Return areas as high as the chart with their marks above, and the strips of bands that have a lane."""
    bottom, top = frame.y_ends
    spans = [(*pixels(band, x), band) for band in marked]
    of_one = [span for span in spans if span[2].lane is None]
    drawn = [
        RECT.format(f"band {kind}", start, top, end - start, bottom - top, label)
        for start, end, kind, label in areas(of_one)
    ]
    for start, end, band in spans:
        if band.lane is not None:
            classes = f"strip {fill(band.color)}"
            drawn.append(RECT.format(classes, start, 1 + 4 * band.lane, end - start, 3, band.label))
    mark = Markup('<text class="mark" x="{:.1f}" y="{:g}">{}</text>')
    return drawn + [mark.format(place, top - 4, text) for place, text in marks(of_one)]


def pixels(band: Band, x: Scale) -> tuple[float, float]:
    """Return the ends of a band on the chart, far enough apart to be seen."""
    start, end = (min(max(x(edge), x.start), x.end) for edge in (band.start, band.end))
    start = min(start, x.end - 2)
    return start, max(end, start + 2)


def areas(spans: Sequence[tuple[float, float, Band]]) -> list[tuple[float, float, str, str]]:
    """Return (start, end, kind, label) of areas that do not overlap, each as grave as the gravest band on it."""
    found: list[tuple[float, float, str, str]] = []
    for left, right in pairwise(sorted({edge for start, end, _ in spans for edge in (start, end)})):
        here = [band for start, end, band in spans if start <= left and right <= end]
        if not here:
            continue
        kind = min((band.kind for band in here), key=KINDS.index)
        label = ", ".join(band.label for band in here)
        if found and found[-1][1:3] == (left, kind):
            label = ", ".join(dict.fromkeys([*found[-1][3].split(", "), *label.split(", ")]))
            left = found.pop()[0]
        found.append((left, right, kind, label))
    return found


def marks(spans: Iterable[tuple[float, float, Band]]) -> list[tuple[float, str]]:
    """Return (place, text) of the marks; those that would overlap share one text."""
    found: list[tuple[float, str]] = []
    for start, _, band in sorted((span for span in spans if span[2].mark), key=lambda span: span[0]):
        if found and start < found[-1][0] + DIGIT * (len(found[-1][1]) + 0.5):
            place, text = found.pop()
            found.append((place, f"{text},{band.mark}"))
        else:
            found.append((start, band.mark))
    return found
