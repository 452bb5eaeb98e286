"""The picture of docs/unpaired_translation.md, from run directories of its experiments.

    python docs/draw_unpaired.py "without labels=RUN_DIR" "with labels=RUN_DIR"

Writes docs/images/unpaired_translation.png: printed digits in the first row, below them what each run makes of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ganworks import load_generator
from ganworks.data import PrintedDigits
from ganworks.picture import image_grid

FILE = Path(__file__).parent / "images" / "unpaired_translation.png"
LEFT, ZOOM, COLUMNS = 130, 4, 20


def main(runs: dict[str, str]) -> None:
    """Draw a row of sources, two of each digit, and a row of each run."""
    drawn = PrintedDigits().draw_conditions(["source", "digit"], 200, seed=1)
    chosen = drawn["source"][drawn["digit"].argsort(stable=True)[:: 200 // COLUMNS]]
    rows = {"printed": chosen}
    rows |= {
        name: load_generator(run).sample(COLUMNS, conditions={"source": chosen}) for name, run in runs.items()
    }
    grids = [image_grid(row, columns=COLUMNS, zoom=ZOOM) for row in rows.values()]
    width, height = grids[0].size
    picture = Image.new("L", (LEFT + width, len(grids) * height), 255)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for index, (name, grid) in enumerate(zip(rows, grids, strict=True)):
        picture.paste(grid.convert("L"), (LEFT, index * height))
        draw.text((LEFT - 10, (index + 0.5) * height), name, fill=0, font=font, anchor="rm")
    picture.save(FILE, optimize=True)


if __name__ == "__main__":
    main(dict(argument.split("=", 1) for argument in sys.argv[1:]))
