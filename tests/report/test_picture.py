"""Pictures are spread over training and fit their budget, however many and large they are."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganworks.report.picture import Slide, choose, embed


def grids(folder: Path, num: int, side: int, plain: bool = False) -> list[tuple[int, Path]]:
    """Pictures of noise, which no format makes small, or of one gray each."""
    rng, found = np.random.default_rng(0), []
    folder.mkdir()
    for index in range(num):
        noise = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        picture = np.full_like(noise, index) if plain else noise
        found.append((index * 1000, folder / f"{index * 1000:012d}.png"))
        Image.fromarray(picture).save(found[-1][1], compress_level=1)
    return found


def opened(slide: Slide) -> Image.Image:
    head, data = slide.source.split(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_chosen_pictures_are_evenly_spaced_with_the_first_and_the_last() -> None:
    every = [(at, Path(str(at))) for at in range(0, 2001, 10)]
    assert [at for at, _ in choose(every, 5)] == [0, 500, 1000, 1500, 2000]
    assert choose(every[:3], 5) == every[:3]
    assert choose(every, 1) == every[-1:]
    assert choose([], 3) == []


def test_spacing_is_that_of_images_where_the_interval_changed() -> None:
    dense_then_sparse = [(at, Path(str(at))) for at in [*range(0, 100), 1000, 2000]]
    assert [at for at, _ in choose(dense_then_sparse, 3)] == [0, 1000, 2000]


def test_pictures_with_few_colours_are_kept_to_the_pixel(tmp_path: Path) -> None:
    (slides,) = embed([grids(tmp_path / "a", 3, 64, plain=True)])
    assert [slide.images_seen for slide in slides] == [0, 1000, 2000]
    assert np.asarray(opened(slides[2]).convert("RGB")).max() == 2


def test_any_number_of_pictures_fits_the_budget(tmp_path: Path) -> None:
    runs = [grids(tmp_path / "a", 30, 256), grids(tmp_path / "b", 5, 256)]
    for budget in (1_000_000, 100_000, 20_000):
        embedded = embed(runs, budget)
        assert sum(len(slide.source) for slides in embedded for slide in slides) <= 1.4 * budget
        assert [slides[-1].images_seen for slides in embedded] == [29_000, 4000]
        opened(embedded[0][0]).load()
    assert sum(path.stat().st_size for run in runs for _, path in run) > 5_000_000  # control


def test_damaged_picture_is_left_out(tmp_path: Path) -> None:
    run = grids(tmp_path / "a", 3, 32)
    run[1][1].write_bytes(run[1][1].read_bytes()[:200])
    (slides,) = embed([run])
    assert [slide.images_seen for slide in slides] == [0, 2000]
    assert embed([[]]) == [[]]


@pytest.mark.parametrize("side", [16, 1500])
def test_size_is_that_of_the_picture_that_is_shown(tmp_path: Path, side: int) -> None:
    (slides,) = embed([grids(tmp_path / "a", 1, side)])
    assert opened(slides[0]).size == (slides[0].width, slides[0].height)
    assert slides[0].width <= 660
