"""Pictures: every pixel where it belongs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from ganworks.picture.samples import SIDE, image_grid, scatter, to_uint8
from ganworks.sample import Image


def test_range_is_rounded_and_clamped() -> None:
    values = torch.tensor([-1.0, 1.0, 0.0, -2.0, 3.0, -1 + 0.51 / 127.5, -1 + 0.49 / 127.5])
    assert to_uint8(values).tolist() == [0, 255, 128, 0, 255, 1, 0]
    assert to_uint8(torch.arange(256) / 127.5 - 1).tolist() == list(range(256))


def test_images_stand_row_by_row_with_a_white_gap() -> None:
    images = torch.linspace(-1, 0, 5)[:, None, None, None].expand(5, 1, 2, 3)
    pixels = np.asarray(image_grid(images, columns=3, zoom=2, gap=1))
    assert pixels.shape == (2 * 5 + 1, 3 * 7 + 1, 3)
    for index, value in enumerate(to_uint8(torch.linspace(-1, 0, 5)).tolist()):
        top, left = 1 + index // 3 * 5, 1 + index % 3 * 7
        assert (pixels[top : top + 4, left : left + 6] == value).all()
    assert (pixels[0] == 255).all()
    assert (pixels[:, 0] == 255).all()
    assert (pixels[5] == 255).all()
    assert (pixels[6:, 15:] == 255).all()  # the place of a sixth image stays empty


def test_enlargement_repeats_pixels() -> None:
    image = torch.tensor([[-1.0, 1.0], [0.0, -1.0]])[None, None]
    pixels = np.asarray(image_grid(image, zoom=3, gap=0))[:, :, 0]
    assert np.array_equal(pixels, np.kron(to_uint8(image[0, 0]).numpy(), np.ones((3, 3), dtype=np.uint8)))


@pytest.mark.parametrize(
    ("channels", "shown"), [(1, [0, 0, 0]), (2, [0, 0, 0]), (3, [0, 1, 2]), (5, [0, 1, 2])]
)
def test_channels_are_shown_as_gray_or_color(channels: int, shown: list[int]) -> None:
    image = torch.linspace(-1, 1, channels)[None, :, None, None].expand(1, channels, 2, 2)
    pixels = np.asarray(image_grid(image, zoom=1, gap=0))[0, 0]
    assert pixels.tolist() == [int(to_uint8(torch.linspace(-1, 1, channels))[c]) for c in shown]


@pytest.mark.parametrize(("num", "side"), [(64, 8), (64, 32), (16, 256), (1, 8), (100, 128)])
def test_grid_is_about_square_and_never_shrinks_an_image(num: int, side: int) -> None:
    picture = image_grid(torch.zeros(num, 1, side, side))
    assert abs(picture.width - picture.height) <= picture.width / 8
    assert picture.width >= min(SIDE * 0.8, 8 * side)
    assert picture.width >= int(num**0.5) * side


def test_point_is_drawn_where_it_is_with_up_as_up() -> None:
    reals = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])  # the picture spans [-1.25, 1.25]
    pixels = np.asarray(scatter(torch.tensor([[0.5, 1.0]]), reals)).astype(int)
    is_ink = (pixels == np.array([31, 78, 158])).all(2)
    rows, columns = np.nonzero(is_ink)
    assert abs(columns.mean() + 0.5 - (0.5 / 1.25 + 1) / 2 * SIDE) <= 1
    assert abs(rows.mean() + 0.5 - (1 - 1.0 / 1.25) / 2 * SIDE) <= 1
    assert len(rows) == 4
    assert ((pixels == 205).all(2)).sum() == 8


def test_points_outside_the_picture_are_left_out() -> None:
    reals = torch.tensor([[1.0, 1.0]])
    pixels = np.asarray(scatter(torch.tensor([[50.0, 0.0], [0.0, -50.0]]), reals)).astype(int)
    assert not (pixels == np.array([31, 78, 158])).all(2).any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("points", [torch.zeros(3, 2), torch.full((3, 2), torch.nan), torch.ones(3, 5)])
def test_odd_points_make_a_picture_all_the_same(points: torch.Tensor) -> None:
    assert scatter(points).size == (SIDE, SIDE)


def test_picture_comes_under_its_name_when_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "grid.png"
    assert Image().save_picture(torch.zeros(4, 1, 8, 8), path) == [path]
    before = path.read_bytes()

    def fail(self: PIL.Image.Image, target: Path, **kwargs: object) -> None:
        Path(target).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(PIL.Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        Image().save_picture(torch.ones(4, 1, 8, 8), path)
    assert path.read_bytes() == before
