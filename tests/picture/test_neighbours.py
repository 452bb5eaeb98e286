"""Nearest neighbours: copies are found, with a distance of zero, and come first."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ganworks.metric.distance.memorisation import memorised_share
from ganworks.metric.distance.pairwise import nearest_few
from ganworks.picture.neighbours import find_neighbours, neighbour_rows, neighbour_sheet


def noise(num: int, seed: int, side: int = 4) -> Tensor:
    return torch.rand(num, 1, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_neighbours_are_those_of_a_search_one_by_one(offset: float) -> None:
    queries, points = noise(9, 0).flatten(1) + offset, noise(30, 1).flatten(1) + offset
    distances, rows = nearest_few(queries, points, 4)
    for query, found, which in zip(queries, distances, rows, strict=True):
        every = torch.stack([(query.double() - point.double()).square().sum().sqrt() for point in points])
        assert torch.allclose(found, every[which], rtol=1e-6 if offset else 1e-12)
        if not offset:
            assert torch.equal(which, every.argsort()[:4])


def test_more_neighbours_than_points_are_all_points() -> None:
    assert nearest_few(noise(5, 0).flatten(1), noise(3, 1).flatten(1), 10)[1].shape == (5, 3)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, points = noise(23, 0).flatten(1), noise(40, 1).flatten(1)
    whole = nearest_few(queries, points, 3)
    monkeypatch.setattr("ganworks.metric.distance.pairwise.BLOCK_ELEMENTS", 200)
    distances, rows = nearest_few(queries, points, 3)
    assert torch.equal(rows, whole[1])
    torch.testing.assert_close(distances, whole[0], rtol=1e-12, atol=0)  # float64, summed in another order


def test_nearest_neighbour_of_a_copy_is_the_original_at_distance_zero() -> None:
    real = noise(50, 0).flatten(1)
    fake = noise(8, 1).flatten(1)
    fake[3] = real[17]
    found = find_neighbours(fake, real, 3)
    assert found.rows[3, 0] == 17
    assert found.distances[3, 0] == 0
    assert found.ratio[3] == 0
    others = torch.arange(8) != 3
    assert (found.distances[others] > 0).all()  # control: nothing else is a copy
    assert (found.ratio[others] > 0.3).all()


def test_copy_of_an_image_that_the_training_set_has_twice_is_a_copy_all_the_same() -> None:
    real = noise(20, 0).flatten(1)
    real[4] = real[11]
    fake = torch.cat([real[4:5], real[4:5] + 0.01, noise(1, 2).flatten(1)])
    ratio = find_neighbours(fake, real, 2).ratio
    assert ratio[0] == 0
    assert ratio[1] == torch.inf  # a gap of zero: nothing is within a share of it


@pytest.mark.parametrize("threshold", [0.7, 0.9, 1.1])
def test_ratio_is_that_of_the_memorised_share(threshold: float) -> None:
    real = noise(60, 0, side=2).flatten(1)
    fake = noise(40, 1, side=2).flatten(1)
    share = (find_neighbours(fake, real, 1).ratio < threshold).double().mean()
    assert 0 < share < 1
    assert share.item() == pytest.approx(memorised_share(real, fake, threshold))


def test_row_holds_the_sample_then_its_neighbours_with_their_distances() -> None:
    real, fake = noise(20, 0), noise(6, 1)
    fake[2] = real[7]
    found = find_neighbours(fake.flatten(1), real.flatten(1), 3)
    unit = 127.5 / 16**0.5
    copied, other = neighbour_rows(fake, real, found, torch.tensor([2, 4]), unit)
    assert torch.equal(copied.images[0], real[7])
    assert torch.equal(copied.images[1], real[7])
    assert copied.captions[:2] == ["ratio 0.00", "0"]
    assert copied.is_marked
    nearest = min(real, key=lambda image: (image - fake[4]).square().sum().item())
    assert torch.equal(other.images[1], nearest)
    levels = ((nearest - fake[4]) * 127.5).square().mean().sqrt().item()
    assert float(other.captions[1]) == pytest.approx(levels, rel=0.005)
    assert not other.is_marked


def test_most_suspicious_samples_stand_in_the_second_part_and_are_framed() -> None:
    real, fake = noise(40, 0, side=8), noise(30, 1, side=8)
    fake[12] = real[5]
    marked = np.array([213, 94, 0])

    def frames(fake: Tensor, seed: int) -> int:
        pixels = np.asarray(neighbour_sheet(fake, real, num_samples=4, num_neighbours=3, seed=seed))
        middle = pixels.shape[1] // 2
        return [int((half == marked).all(2).sum()) for half in (pixels[:, :middle], pixels[:, middle:])]

    drawn, smallest = frames(fake, seed=1)
    assert smallest > 4 * 100 * 4 * 0.9  # a frame of about 100 x 100 pixels, 4 wide
    assert drawn == 0
    assert frames(noise(30, 1, side=8), seed=1) == [0, 0]  # control: without the copy nothing is framed


def test_features_decide_where_they_are_given() -> None:
    real, fake = noise(20, 0), noise(5, 1)
    by_pixels = neighbour_sheet(fake, real)
    shuffled = torch.randn(5, 3), torch.randn(20, 3)
    assert neighbour_sheet(fake, real, shuffled).tobytes() != by_pixels.tobytes()
