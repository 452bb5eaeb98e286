"""Series as a picture for a person: a small panel of curves for each, a colour a column."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ganworks.picture.sheet import INK, PAPER, SMALL, font, line, width

# Okabe and Ito 2008: told apart by every eye, in lightness too.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1a1a1a")
FRAME, GAP, MARGIN = "#d9d9d9", 14, 16
PANEL = (170, 110)  # pixels
FAR = 3.0  # beyond which values are not drawn: data are in [-1, 1]
NUM_NAMES = 7  # columns that the legend names
TWICE = 2  # drawn so much larger and reduced, which makes the lines smooth


def curves(
    samples: Tensor,
    names: Sequence[str],
    columns: int | None = None,
    panel: tuple[int, int] = PANEL,
) -> Image.Image:
    """Return series (B, T, D) as a picture of B panels under a legend, all on the scale that holds them all.

    Args:
        names: of the D columns.
        columns: panels a row; the default makes as many rows as columns.
        panel: width and height of one, in pixels.
    """
    values = samples.detach().float().cpu().nan_to_num().clamp(-FAR, FAR)
    low, high = values.min(), values.max()
    values = (2 * (values - low) / (high - low).clamp_min(1e-6) - 1) * 0.92
    num = len(values)
    columns = min(columns or math.ceil(math.sqrt(num)), num)
    rows = math.ceil(num / columns)
    top = MARGIN + line(SMALL)
    size = (2 * MARGIN + columns * (panel[0] + GAP) - GAP, top + rows * (panel[1] + GAP) + MARGIN - GAP)
    size = (max(size[0], legend_width(names) + 2 * MARGIN), size[1])
    picture = Image.new("RGB", (size[0] * TWICE, size[1] * TWICE), PAPER)
    draw = ImageDraw.Draw(picture)
    for index, series in enumerate(values):
        row, column = divmod(index, columns)
        left, upper = MARGIN + column * (panel[0] + GAP), top + row * (panel[1] + GAP)
        draw_panel(draw, series, left, upper, panel)
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    legend(ImageDraw.Draw(picture), names)
    return picture


def draw_panel(
    draw: ImageDraw.ImageDraw, series: Tensor, left: int, top: int, panel: tuple[int, int]
) -> None:
    """Draw one series (T, D) in [-1, 1]: a frame, and a curve for each column."""
    wide, high = panel
    draw.rectangle(
        [TWICE * value for value in (left, top, left + wide, top + high)], outline=FRAME, width=TWICE
    )
    x = torch.linspace(0, wide, len(series)) + left
    for column, values in enumerate(series.t()):
        y = top + high * (0.5 - 0.5 * values)
        points = [(TWICE * a, TWICE * b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
        color = COLORS[column % len(COLORS)]
        if len(points) > 1:
            draw.line(points, fill=color, width=2 * TWICE, joint="curve")


def legend(draw: ImageDraw.ImageDraw, names: Sequence[str]) -> None:
    """Write the names of the columns in their colours."""
    left = MARGIN
    for index, name in enumerate(shown(names)):
        color = COLORS[index % len(COLORS)] if index < min(len(names), NUM_NAMES) else INK
        draw.text((left, MARGIN // 2), name, color, font(SMALL))
        left += width(name) + 2 * GAP


def legend_width(names: Sequence[str]) -> int:
    """Return the width of the legend in pixels."""
    return sum(width(name) + 2 * GAP for name in shown(names))


def shown(names: Sequence[str]) -> list[str]:
    """Return the names that the legend has, and how many others there are."""
    rest = len(names) - NUM_NAMES
    return [*names[:NUM_NAMES], *([f"and {rest} more"] if rest > 0 else [])]
