"""What charts put on their axes: lines and dots, in the colours of the palette."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from ganworks.chart.frame import NOTHING

NUM_COLORS = 8  # --c0 ... --c7 of chart.css; from there on lines are dashed
Point = tuple[float, float]


def fill(color: int) -> str:
    """Return the class of an area in a colour of the palette."""
    return f"f{color % NUM_COLORS}"


def stroke(color: int) -> str:
    """Return the classes of a line in a colour of the palette."""
    return f"s{color % NUM_COLORS}{dashed(color)}"


def key(color: int) -> Markup:
    """Return the sample of a colour that stands before a name."""
    return Markup('<i class="key {}{}"></i>').format(fill(color), dashed(color))


def dashed(color: int) -> str:
    """Return the class that tells a colour from the same one earlier in the palette; "" the first time round.

    >>> stroke(1), stroke(9)
    ('s1', 's1 dashed')
    """
    return " dashed" if color >= NUM_COLORS else ""


def path(points: Iterable[Point]) -> str:
    """Return points as the data of a path."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def polyline(points: Iterable[Point], classes: str, label: str = "") -> Markup:
    """Return a line through ``points``; ``label`` is read when the pointer is on it."""
    shape = Markup('<path class="{}" d="{}"/>' if not label else '<path class="{}" d="{}">{}</path>')
    return shape.format(classes, path(points), tooltip(label))


def tooltip(label: str) -> Markup:
    """Return what is read when the pointer is on a shape; nothing for ""."""
    return Markup("<title>{}</title>").format(label) if label else NOTHING


@dataclass(frozen=True)
class Marker:
    """How a point looks.

    Args:
        classes: its looks in the style sheet.
        radius: of a dot; 0 is a cross.
    """

    classes: str
    radius: float = 2.8

    def draw(self, x: float, y: float, label: str = "") -> Markup:
        """Return the marker at a pixel; ``label`` is read when the pointer is on it."""
        if self.radius:
            shape = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:g}"/>').format(
                self.classes, x, y, self.radius
            )
        else:
            shape = Markup('<path class="{}" d="M{:.1f} {:.1f}m-3-3l6 6m0-6l-6 6"/>').format(
                self.classes, x, y
            )
        return Markup("<g>{}{}</g>").format(tooltip(label), shape) if label else shape
