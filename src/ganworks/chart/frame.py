"""What every chart stands in: the frame that leaves room for its axes, the drawing, the figure around it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

NOTHING = Markup("")


@dataclass(frozen=True)
class Frame:
    """The size of a drawing, and the margins between its edges and its axes.

    The units are near pixels, so that the type keeps its size.
    """

    width: float = 360
    height: float = 200
    left: float = 46
    right: float = 12
    top: float = 14
    bottom: float = 24

    @property
    def x_ends(self) -> tuple[float, float]:
        """Pixels at which the x-axis begins and ends."""
        return self.left, self.width - self.right

    @property
    def y_ends(self) -> tuple[float, float]:
        """Pixels at which the y-axis begins, at the bottom, and ends."""
        return self.height - self.bottom, self.top


SMALL = Frame()  # three of them stand side by side
WIDE = Frame(900, 320)  # spans the page
UPRIGHT = Frame(
    900, 314, left=60, right=60, top=40, bottom=14
)  # room for two rows of names above upright axes


def figure(
    parts: Iterable[Markup],
    alt: str,
    frame: Frame = SMALL,
    *,
    title: str = "",
    note: str = "",
    legend: Markup = NOTHING,
    data: object = None,
) -> Markup:
    """Return a `<figure>` around a drawing that scales with its column.

    Args:
        parts: of the drawing, the lowest first.
        alt: what it shows, for those who do not see it.
        frame: its size.
        title: its heading.
        note: small print beside the heading.
        legend: what stands between heading and drawing.
        data: what the script reads values out from; None where it reads none.
    """
    head = Markup('<figcaption><h4>{}</h4><span class="note">{}</span><span class="at"></span></figcaption>')
    drawing = Markup('<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
        frame.width, frame.height, alt, NOTHING.join(parts)
    )
    focus, values = NOTHING, NOTHING
    if data is not None:
        focus = Markup(' tabindex="0"')
        values = Markup('<script type="application/json">{}</script>').format(script_json(data))
    return Markup('<figure class="chart"{}>{}{}{}{}</figure>').format(
        focus, head.format(title, note) if title or note else NOTHING, legend, drawing, values
    )


def script_json(data: object) -> Markup:
    """Return ``data`` as JSON that can stand inside a script element."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
