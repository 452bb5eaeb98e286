"""The pictures of README and docs, from the run directory of the default recipe.

    python train.py && python docs/draw_pictures.py RUN_DIR

Writes docs/images/digits_dcgan.png, the run's last sample grid as it is, and docs/images/digits_progress.png, the
first samples of some of its grids beside real digits; and two pictures of an evaluation, docs/images/neighbours.png
and docs/images/directions.png.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

from ganworks import load_generator
from ganworks.data import Digits
from ganworks.picture import image_grid
from ganworks.picture.directions import directions_sheet
from ganworks.picture.neighbours import neighbour_sheet

IMAGES = Path(__file__).parent / "images"
POINTS = (0, 36_000, 144_000, 720_000)  # images seen
SIDE = 4  # samples in a row and in a column of each part
MARGIN, LINE = 24, 28


def main(run_dir: Path) -> None:
    """Draw all pictures."""
    grids = sorted((run_dir / "samples").glob("*.png"))
    shutil.copy(grids[-1], IMAGES / "digits_dcgan.png")
    parts = [(words(point), corner(Image.open(nearest(grids, point)))) for point in POINTS]
    real = torch.cat([batch["real"] for batch in Digits().reference_batches()])
    parts.append(("real digits", corner(image_grid(real[:64]))))
    strip(parts).save(IMAGES / "digits_progress.png", optimize=True)
    sampler = load_generator(run_dir)
    sheets = {
        "neighbours": neighbour_sheet(sampler.sample(len(real), seed=0), real, num_samples=4),
        "directions": directions_sheet(sampler),
    }
    for name, picture in sheets.items():
        few_colors = picture.quantize(128, dither=Image.Dither.NONE)
        few_colors.save(IMAGES / f"{name}.png", optimize=True)


def nearest(grids: list[Path], point: int) -> Path:
    """Return the grid that was drawn nearest to ``point`` images."""
    return min(grids, key=lambda path: abs(int(path.stem) - point))


def corner(grid: Image.Image) -> Image.Image:
    """Return the first SIDE x SIDE samples of a grid of 8 x 8, at half its size."""
    side = 2 + (grid.width - 2) // 8 * SIDE
    return grid.crop((0, 0, side, side)).resize((side // 2, side // 2), Image.Resampling.NEAREST)


def words(point: int) -> str:
    """Return the caption of a part."""
    return "untrained" if point == 0 else f"{point // 1000}k images"


def strip(parts: list[tuple[str, Image.Image]]) -> Image.Image:
    """Return the parts side by side under their captions."""
    width = max(image.width for _, image in parts)
    picture = Image.new("L", (len(parts) * (width + MARGIN) - MARGIN, width + LINE), 255)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(16)
    for index, (caption, image) in enumerate(parts):
        left = index * (width + MARGIN)
        draw.text((left + width // 2, LINE // 2), caption, fill=0, font=font, anchor="mm")
        picture.paste(image.convert("L"), (left, LINE))
    return picture


if __name__ == "__main__":
    main(Path(sys.argv[1]))
