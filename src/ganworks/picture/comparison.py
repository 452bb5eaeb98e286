"""Images beside what they were made from: rows of sources, translations and true images below each other."""

from __future__ import annotations

from collections.abc import Mapping

from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import interpolate

from ganworks.picture.samples import image_grid
from ganworks.picture.sheet import INK, SMALL, font, paper, width

WIDTH, GAP, APART = 960, 2, 14  # pixels: of a row of images at least, between images, between groups of rows


def comparison(rows: Mapping[str, Tensor], columns: int | None = None) -> Image.Image:
    """Return images that belong together below each other, row after row, under the names of the rows.

    Args:
        rows: by name images (B, C, H, W) in [-1, 1], equally many; those of another size than the last ones are
            brought to it for the picture.
        columns: images a row; None: as many as can be told apart.
    """
    size = list(rows.values())[-1].shape[2:]
    num = min(len(images) for images in rows.values())
    columns = min(num, columns or max(2, min(16, WIDTH // max(48, size[1]))))
    zoom = max(1, round(WIDTH / (columns * size[1])))
    indent = max(width(name) for name in rows) + APART
    groups = []
    for start in range(0, num, columns):
        parts = {name: resized(images[start : start + columns], size) for name, images in rows.items()}
        groups.append({name: image_grid(part, columns, zoom, GAP) for name, part in parts.items()})
    height = sum(strip.height for group in groups for strip in group.values())
    picture = paper(indent + groups[0][next(iter(rows))].width, height + APART * (len(groups) - 1))
    draw, top = ImageDraw.Draw(picture), 0
    for group in groups:
        for name, strip in group.items():
            draw.text((APART // 2, top + strip.height // 2), name, INK, font(SMALL), anchor="lm")
            picture.paste(strip, (indent, top))
            top += strip.height
        top += APART
    return picture


def resized(images: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return images at ``size`` (height, width), by whole pixels."""
    if images.shape[2:] == size:
        return images
    return interpolate(images.float(), tuple(size), mode="nearest")
