"""Texts as a picture for a person."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

WIDTH, SIZE, MARGIN, INK, PAPER = 640, 14, 8, (40, 40, 40), (255, 255, 255)


def text_page(lines: Sequence[str], num_lines: int = 40, num_letters: int = 80) -> Image.Image:
    """Return the first lines of a text as a picture, long ones cut."""
    shown = [line[:num_letters] for line in lines[:num_lines]] or [""]
    font = ImageFont.load_default(SIZE)
    text = "\n".join(shown)
    probe = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    left, top, right, bottom = probe.multiline_textbbox((MARGIN, MARGIN), text, font=font)
    page = Image.new(
        "RGB", (max(WIDTH, int(right - left) + 2 * MARGIN), int(bottom - top) + 3 * MARGIN), PAPER
    )
    ImageDraw.Draw(page).multiline_text((MARGIN, MARGIN), text, fill=INK, font=font)
    return page
