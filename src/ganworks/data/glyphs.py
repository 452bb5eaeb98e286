"""Digits in the typefaces that come with matplotlib, bent and moved at random: unlimited, nothing to download."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, interpolate

from ganworks.data.digits import NUM_DIGITS
from ganworks.errors import GanworksError

# The upright ones of matplotlib's that have digits: a slant is drawn. Not DejaVu Sans Mono, whose zero has a dot that
# makes it an eight at 8x8.
TYPEFACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "STIXGeneral",
    "STIXGeneralBol",
    "cmb10",
    "cmr10",
    "cmss10",
    "cmtt10",
)
SIDE, HEIGHT = 32, 32  # of the picture of a glyph before it is bent, and of the ink in it


@cache
def glyphs() -> Tensor:
    """Return the digits of all typefaces upright: float32 (num_typefaces, 10, SIDE, SIDE) in [0, 1], ink 1.

    Raises:
        GanworksError: this matplotlib has not these typefaces.
    """
    from matplotlib import get_data_path

    folder = Path(get_data_path()) / "fonts" / "ttf"
    pictures = [
        np.stack([glyph(folder / f"{name}.ttf", str(digit)) for digit in range(NUM_DIGITS)])
        for name in TYPEFACES
    ]
    return torch.from_numpy(np.stack(pictures)).float().div_(255)


def glyph(path: Path, text: str) -> np.ndarray:
    """Return one character, its ink HEIGHT pixels high at the centre: uint8 (SIDE, SIDE)."""
    try:
        font = ImageFont.truetype(str(path), 4 * SIDE)
    except OSError as error:
        raise GanworksError(
            f"{path}: a typeface of matplotlib's that printed digits need ({error})"
        ) from error
    canvas = Image.new("L", (8 * SIDE, 8 * SIDE))
    ImageDraw.Draw(canvas).text((SIDE, SIDE), text, fill=255, font=font)
    ink = canvas.crop(canvas.getbbox())
    width = min(HEIGHT, max(1, round(ink.width * HEIGHT / ink.height)))
    ink = ink.resize((width, HEIGHT), Image.Resampling.BOX)
    picture = Image.new("L", (SIDE, SIDE))
    picture.paste(ink, ((SIDE - width) // 2, (SIDE - HEIGHT) // 2))
    return np.asarray(picture)


def draw_digits(num: int, rng: torch.Generator, resolution: int = 8) -> tuple[Tensor, Tensor]:
    """Return printed digits (num, 1, R, R) in [-1, 1] and their classes (num,): a function of ``rng`` alone.

    Typeface and class are uniform. Each picture is turned by up to 10 degrees, slanted, scaled by .85 to 1.05 and
    moved by up to .05 of its side, and bent by a smooth field of displacements.

    Args:
        resolution: R, a divisor of 32.
    """
    label = torch.randint(NUM_DIGITS, (num,), generator=rng)
    typeface = torch.randint(len(TYPEFACES), (num,), generator=rng)
    grid = affine_grid(random_affine(num, rng), [num, 1, SIDE, SIDE], align_corners=False)
    bend = interpolate(
        0.05 * torch.randn(num, 2, 4, 4, generator=rng), size=(SIDE, SIDE), mode="bicubic", align_corners=True
    )
    pictures = grid_sample(
        glyphs()[typeface, label][:, None], grid + bend.movedim(1, -1), align_corners=False
    )
    return 2 * avg_pool2d(pictures, SIDE // resolution) - 1, label


def random_affine(num: int, rng: torch.Generator) -> Tensor:
    """Return maps (num, 2, 3) from a place in the picture, in [-1, 1]^2, to that in the glyph."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(num, generator=rng)

    angle, slant = uniform(-math.pi / 18, math.pi / 18), uniform(-0.2, 0.2)
    wide, high = 1 / uniform(0.85, 1.05), 1 / uniform(0.85, 1.05)
    cosine, sine = angle.cos(), angle.sin()
    rows = [wide * (cosine + slant * sine), wide * (slant * cosine - sine), uniform(-0.1, 0.1)]
    rows += [high * sine, high * cosine, uniform(-0.1, 0.1)]
    return torch.stack(rows, dim=1).unflatten(1, (2, 3))
