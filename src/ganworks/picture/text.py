"""Texts as a picture for a person."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

WIDTH, SIZE, MARGIN, GAP, INK, PAPER = 640, 14, 8, 20, (40, 40, 40), (255, 255, 255)


def text_page(lines: Sequence[str], num_lines: int = 40, num_letters: int = 80) -> Image.Image:
    """Return the first lines of a text as a picture, long ones cut; short ones fill several columns, one by one.

    Args:
        lines: of the text.
        num_lines: lines of a column at most.
        num_letters: of a line at most, over all columns.
    """
    font = ImageFont.load_default(SIZE)
    probe = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    longest = max([1, *map(len, lines)])
    num_columns = max(1, min(num_letters // (longest + 3), -(-len(lines) // 8)))
    shown = [line[:num_letters] for line in lines[: num_lines * num_columns]] or [""]
    num_rows = -(-len(shown) // num_columns)
    columns = ["\n".join(shown[start : start + num_rows]) for start in range(0, len(shown), num_rows)]
    boxes = [probe.multiline_textbbox((0, 0), column, font=font) for column in columns]
    step = max(int(box[2]) for box in boxes) + GAP
    width = max(WIDTH, step * len(columns) - GAP + 2 * MARGIN)
    page = Image.new("RGB", (width, max(int(box[3]) for box in boxes) + 2 * MARGIN), PAPER)
    step = max(step, (width - 2 * MARGIN) // len(columns))
    for number, column in enumerate(columns):
        ImageDraw.Draw(page).multiline_text((MARGIN + number * step, MARGIN), column, fill=INK, font=font)
    return page
