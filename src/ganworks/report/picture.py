"""The pictures of a run inside the page: evenly spaced over training, and compressed until they fit."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ganworks.picture.text import text_page

Grids = Sequence[tuple[int, Path]]
BUDGET = 1_400_000  # bytes of all pictures of a page; base64 makes a third more of them
ANIMATION_BUDGET = 700_000  # bytes of the animation of a run
# What is tried in turn: pictures a run, WebP quality (None: lossless), longest side in pixels.
STEPS: tuple[tuple[int, int | None, int], ...] = (
    (40, None, 660),
    (40, 80, 660),
    (24, 80, 660),
    (24, 60, 512),
    (16, 50, 400),
    (10, 40, 320),
    (6, 30, 240),
    (3, 30, 160),
    (1, 20, 96),
)


@dataclass(frozen=True)
class Slide:
    """A picture as it stands in the page."""

    images_seen: int
    source: str
    width: int
    height: int


def embed(runs: Sequence[Grids], budget: int = BUDGET) -> list[list[Slide]]:
    """Return the pictures of each run, as many and as fine as ``budget`` bytes allow."""
    for num, quality, side in STEPS:
        chosen = [choose(grids, num) for grids in runs]
        if expected_size(chosen, quality, side) > budget:
            continue
        encoded = [[(at, encode(path, quality, side)) for at, path in grids] for grids in chosen]
        if sum(len(picture.data) for grids in encoded for _, picture in grids if picture) <= budget:
            return [list(slides(grids)) for grids in encoded]
    return [[] for _ in runs]


def animation(grids: Grids, budget: int = ANIMATION_BUDGET) -> Slide | None:
    """Return the GIF beside the last picture, as it is; None where there is none, or it is larger than ``budget``."""
    if not grids:
        return None
    images_seen, path = grids[-1]
    path = path.with_suffix(".gif")
    try:
        data = path.read_bytes() if path.stat().st_size <= budget else b""
        with Image.open(io.BytesIO(data)) as file:
            width, height = file.size
    except (OSError, SyntaxError):  # not there, half written, or too large
        return None
    return Slide(images_seen, "data:image/gif;base64," + base64.b64encode(data).decode(), width, height)


def choose(grids: Grids, num: int) -> list[tuple[int, Path]]:
    """Return ``num`` pictures evenly spaced over the images seen, the first and the last among them."""
    if len(grids) <= num:
        return list(grids)
    if num == 1:
        return [grids[-1]]
    first, last = grids[0][0], grids[-1][0]
    targets = [first + (last - first) * index / (num - 1) for index in range(num)]
    nearest = [min(grids, key=lambda grid: abs(grid[0] - target)) for target in targets]
    return list(dict.fromkeys(nearest))


@dataclass(frozen=True)
class Encoded:
    """A compressed picture and its size in pixels."""

    data: bytes
    width: int
    height: int


def expected_size(runs: Sequence[Grids], quality: int | None, side: int) -> float:
    """Return the bytes to expect of all pictures, by those in the middle and at the end of each run."""
    total = 0.0
    for grids in filter(None, runs):
        probes = [encode(path, quality, side) for _, path in (grids[len(grids) // 2], grids[-1])]
        total += len(grids) * sum(len(probe.data) for probe in probes if probe) / len(probes)
    return total


def encode(path: Path, quality: int | None, side: int) -> Encoded | None:
    """Return a picture as WebP, made smaller where it is longer than ``side``; None where it can't be read."""
    try:
        if path.suffix == ".txt":
            picture = text_page(path.read_text(encoding="utf-8").splitlines())
        else:
            with Image.open(path) as file:
                picture = file.convert("RGB")
    except (OSError, SyntaxError, UnicodeDecodeError):  # half written, or no picture at all
        return None
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=quality is None, quality=quality or 75, method=4)
    return Encoded(buffer.getvalue(), *picture.size)


def slides(grids: Sequence[tuple[int, Encoded | None]]) -> Iterator[Slide]:
    """Yield the pictures as data URIs."""
    for images_seen, picture in grids:
        if picture is not None:
            source = "data:image/webp;base64," + base64.b64encode(picture.data).decode()
            yield Slide(images_seen, source, picture.width, picture.height)
