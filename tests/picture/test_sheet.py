"""Sheets: images where they belong, enlarged by whole factors, and no words cut off."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.picture.sheet import CELL, LIMIT, MARGIN, Row, block, cell, sheet, width, wrapped


def gray(*values: float, side: int = 8) -> torch.Tensor:
    return torch.tensor(values)[:, None, None, None].expand(len(values), 1, side, side)


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L")).astype(int)


@pytest.mark.parametrize(
    ("side", "shown"), [(8, 96), (28, 84), (32, 96), (64, 128), (96, 96), (128, 128), (256, LIMIT)]
)
def test_small_images_are_enlarged_by_a_whole_factor_and_large_ones_reduced(side: int, shown: int) -> None:
    assert cell(torch.zeros(3, side, side)).size == (shown, shown)


def test_images_stand_in_their_rows_and_columns() -> None:
    picture = pixels(block([Row(gray(-1.0, 0.0)), Row(gray(0.5))]))
    step = CELL + 10
    for row, column, value in ((0, 0, 0), (0, 1, 128), (1, 0, 191), (1, 1, 255)):
        top, left = row * step, 4 + column * step
        assert (picture[top : top + CELL, left : left + CELL] == value).all()


def test_columns_apart_leave_a_gap() -> None:
    close, apart = (block([Row(gray(-1.0, -1.0))], apart=apart) for apart in (0, 1))
    assert apart.width == close.width + 32


def test_empty_rows_and_rows_of_other_lengths_keep_their_place() -> None:
    full = block([Row(gray(-1.0, -1.0), "a"), Row(gray(-1.0), "b"), Row(gray(-1.0), "c")])
    hole = block([Row(gray(-1.0, -1.0), "a"), Row(torch.empty(0, 1, 8, 8), "b"), Row(gray(-1.0), "c")])
    assert hole.size == full.size
    step = CELL + 10
    assert (pixels(hole)[step : step + CELL, -200:] == 255).all()
    assert np.array_equal(pixels(hole)[2 * step :], pixels(full)[2 * step :])
    assert block([Row(torch.empty(0, 1, 8, 8), "nothing")]).height > 0


@pytest.mark.parametrize("words", ["short", "a label that is a good deal wider than the image beside it"])
def test_no_words_are_cut_off(words: str) -> None:
    rows = [Row(gray(-1.0), label=words, captions=[words])]
    picture = pixels(
        sheet(words * 2, f"{words} " * 9, [block(rows, heading=words, columns=[words])], min_width=1)
    )
    border = np.concatenate([picture[:, :MARGIN].ravel(), picture[:, -MARGIN:].ravel()])
    assert (border == 255).all()
    assert (picture[:MARGIN] == 255).all()


def test_note_is_broken_between_words() -> None:
    text = "one two three four five six seven eight nine ten"
    lines = wrapped(text, space=200)
    assert " ".join(lines) == text
    assert len(lines) > 1
    assert all(width(line) <= 200 for line in lines)
    assert wrapped("", 200) == []


def test_blocks_stand_side_by_side_or_below_each_other() -> None:
    part = block([Row(gray(-1.0))])
    beside, below = (sheet("t", "", [part, part], columns=columns, min_width=1) for columns in (2, 1))
    assert beside.width > below.width
    assert below.height > beside.height
    assert (pixels(beside) == 0).sum() >= 2 * CELL**2
