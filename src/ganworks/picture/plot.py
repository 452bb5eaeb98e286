"""What the plots have in common: one look, drawn without matplotlib's global state.

They are PNG files that loggers take; `ganworks.chart` writes SVG, which nothing here could turn into pixels.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REAL, FAKE = "#8c8c8c", "#1f4e9e"  # gray and blue differ in lightness too: every eye tells them apart
DOTS_PER_INCH = 200
STYLE: dict[Any, Any] = {
    "axes.edgecolor": "#595959",
    "axes.labelcolor": "#1a1a1a",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "font.size": 9,
    "xtick.color": "#595959",
    "ytick.color": "#595959",
}


def new_plot(
    width: float, height: float, columns: int = 1, is_shared: bool = True
) -> tuple[Figure, list[Axes]]:
    """Return a figure of so many inches and its axes, side by side, on common scales or each on its own."""
    # Imported here: half a second that only plots should cost. `pyplot` is left alone: it keeps figures alive.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
        axes = figure.subplots(1, columns, squeeze=False, sharex=is_shared, sharey=is_shared)
    return figure, list(axes[0])


def finish(figure: Figure, title: str, note: str) -> Image.Image:
    """Return the figure as a picture under a title and a note."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    figure.supxlabel(note, x=0.01, ha="left", fontsize=8, color="#595959")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return Image.open(buffer).convert("RGB")
