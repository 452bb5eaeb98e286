"""A sheet of images: rows under headings, with words beside and below them, as sharp as a dense screen shows it."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ganworks.picture.samples import image_grid

INK, QUIET, PAPER, ALERT = "#1a1a1a", "#595959", "#ffffff", "#d55e00"  # ALERT: Okabe and Ito's vermilion
TITLE, TEXT, SMALL = 34, 26, 22  # sizes of letters in pixels, for a screen with two a point
GAP, WIDE, MARGIN, FRAME = 10, 32, 40, 4
CELL, LIMIT = 96, 192  # small images are enlarged to about CELL pixels, those above LIMIT reduced to it


@dataclass(frozen=True)
class Row:
    """Images that stand side by side.

    Args:
        images: (K, C, H, W) in [-1, 1].
        label: words on their left.
        captions: words below each of them.
        is_marked: whether a frame calls for attention to the first.
    """

    images: Tensor
    label: str = ""
    captions: Sequence[str] = ()
    is_marked: bool = False


def block(rows: Sequence[Row], heading: str = "", columns: Sequence[str] = (), apart: int = 0) -> Image.Image:
    """Return rows below each other.

    Args:
        rows: what it shows; they may differ in length, and one may be empty.
        heading: words above all of it.
        columns: words above each column; what is wider than its column begins at the column's left side.
        apart: so many first columns stand apart from the others.
    """
    cells = [[cell(image) for image in row.images] for row in rows]
    side = max((max(picture.size) for row in cells for picture in row), default=CELL)
    indent = max((width(row.label) for row in rows), default=0)
    indent += GAP * 2 if indent else FRAME
    lefts = [
        indent + column * (side + GAP) + (WIDE if apart and column >= apart else 0)
        for column in range(max([1, len(columns), *map(len, cells)]))
    ]
    top = line(TEXT) * bool(heading) + line(SMALL) * bool(columns)
    step = side + GAP + line(SMALL) * any(row.captions for row in rows)
    picture = paper(_right(lefts, side, columns, heading), top + step * len(rows))
    draw = ImageDraw.Draw(picture)
    draw.text((0, 0), heading, INK, font(TEXT))
    for left, words in zip(lefts, columns, strict=False):
        _words(draw, words, left, top - line(SMALL), side)
    for index, (row, pictures) in enumerate(zip(rows, cells, strict=True)):
        y = top + index * step
        draw.text((0, y + side // 2), row.label, INK, font(SMALL), anchor="lm")
        for left, small in zip(lefts, pictures, strict=False):
            picture.paste(small, (left, y))
        for left, words in zip(lefts, row.captions, strict=False):
            _words(draw, words, left, y + side + 2, side, ALERT if row.is_marked else QUIET)
        if row.is_marked:
            corners = (lefts[0] - FRAME, y - FRAME, lefts[0] + side + FRAME - 1, y + side + FRAME - 1)
            draw.rectangle(corners, outline=ALERT, width=FRAME)
    return picture


def sheet(
    title: str, note: str, blocks: Sequence[Image.Image], columns: int = 1, min_width: int = 1000
) -> Image.Image:
    """Return blocks below each other, or ``columns`` of them side by side, under a title and a note."""
    rows = [blocks[start : start + columns] for start in range(0, len(blocks), columns)]
    inner = max(
        min_width,
        width(title, TITLE),
        *(sum(part.width for part in row) + 2 * WIDE * (len(row) - 1) for row in rows),
    )
    words = wrapped(note, inner)
    top = MARGIN + line(TITLE) + line(SMALL) * len(words) + WIDE // 2
    height = sum(max(part.height for part in row) + WIDE for row in rows)
    picture = paper(inner + 2 * MARGIN, top + height + MARGIN - WIDE)
    draw = ImageDraw.Draw(picture)
    draw.text((MARGIN, MARGIN), title, INK, font(TITLE, bold=True))
    for index, text in enumerate(words):
        draw.text((MARGIN, MARGIN + line(TITLE) + index * line(SMALL)), text, QUIET, font(SMALL))
    for row in rows:
        left = MARGIN
        for part in row:
            picture.paste(part, (left, top))
            left += part.width + 2 * WIDE
        top += max(part.height for part in row) + WIDE
    return picture


def cell(image: Tensor) -> Image.Image:
    """Return an image (C, H, W) in [-1, 1]: enlarged by a whole factor, or reduced, to a readable size."""
    picture = image_grid(image[None], zoom=max(1, round(CELL / max(image.shape[1:]))), gap=0)
    if max(picture.size) > LIMIT:
        picture.thumbnail((LIMIT, LIMIT), Image.Resampling.LANCZOS)
    return picture


def paper(width: int, height: int) -> Image.Image:
    """Return an empty picture."""
    return Image.new("RGB", (width, height), PAPER)


@functools.cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return the typeface of matplotlib, DejaVu Sans, so that sheets and plots look alike."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


def line(size: int) -> int:
    """Return the height of a line of text."""
    return round(1.45 * size)


def width(words: str, size: int = SMALL) -> int:
    """Return the width of ``words`` in pixels; titles are bold."""
    return math.ceil(font(size, bold=size == TITLE).getlength(words))


def wrapped(text: str, space: int) -> list[str]:
    """Return the lines that ``text`` fills where a line has ``space`` pixels."""
    lines: list[str] = []
    for word in text.split():
        if lines and width(f"{lines[-1]} {word}") <= space:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _right(lefts: Sequence[int], side: int, columns: Sequence[str], heading: str) -> int:
    """Return where the widest of the columns, their words and the heading ends."""
    ends = [left + max(side, width(words)) for left, words in zip(lefts, columns, strict=False)]
    return max([lefts[-1] + side, width(heading, TEXT), *ends]) + 4


def _words(draw: ImageDraw.ImageDraw, words: str, left: int, top: int, side: int, color: str = QUIET) -> None:
    """Write ``words`` in the middle of ``side`` pixels, or from their left where they need more."""
    space = max(0, side - width(words)) // 2
    draw.text((left + space, top), words, color, font(SMALL))
