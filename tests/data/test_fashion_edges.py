"""Outlines of clothes: where the gray value is steep, and which pictures are kept apart."""

from __future__ import annotations

import pytest
import torch

from ganworks.data import MNIST, FashionEdges
from ganworks.data.fashion_edges import THRESHOLD, edges
from ganworks.data.samples import TensorSamples


def test_edges_are_where_sobels_slope_is_steep() -> None:
    image = torch.randint(256, (1, 1, 9, 7), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    found, gray = edges(image)[0, 0], image[0, 0].double() / 255

    def at(row: int, column: int) -> float:
        return float(gray[min(max(row, 0), 8), min(max(column, 0), 6)])

    for row in range(9):
        for column in range(7):
            across, down = 0.0, 0.0
            for step, weight in ((-1, 1), (0, 2), (1, 1)):
                across += weight * (at(row + step, column + 1) - at(row + step, column - 1)) / 4
                down += weight * (at(row + 1, column + step) - at(row - 1, column + step)) / 4
            assert bool(found[row, column]) == ((across**2 + down**2) ** 0.5 > THRESHOLD)
    assert 0 < int(found.count_nonzero()) < 63


def test_a_plain_picture_has_no_edges() -> None:
    assert not edges(torch.full((2, 3, 8, 8), 200, dtype=torch.uint8)).any()


def test_the_last_pictures_are_kept_apart_and_each_has_its_own_outline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = torch.randint(256, (60, 1, 32, 32), dtype=torch.uint8)
    monkeypatch.setattr(MNIST, "prepare_data", lambda self: None)
    monkeypatch.setattr(MNIST, "load", lambda self: TensorSamples(images, torch.arange(60) % 10))
    data = FashionEdges(batch_size=16, channels=1)
    data.check()
    assert (len(data.samples), len(data.reference)) == (50, 10)
    found = data.reference.read(torch.arange(10))
    assert torch.equal(found["real"], images[50:])
    assert torch.equal(found["source"], edges(images[50:]))
    assert torch.equal(data.reference.labels, torch.arange(50, 60) % 10)
