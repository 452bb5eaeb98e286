"""Samples of any number of channels: seen, and translated from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.errors import SettingError
from ganworks.metric import Inception
from ganworks.model import UNetGenerator
from ganworks.picture.samples import image_grid
from ganworks.sample.kind import Image as ImageKind
from ganworks.sample.sampler import Sampler, kind_from
from ganworks.sample.translate import Images, translate
from ganworks.sample.visible import visible


@pytest.mark.parametrize(("channels", "seen"), [(1, 1), (2, 1), (3, 3), (4, 3), (5, 3), (12, 3)])
def test_images_of_any_channels_are_seen_as_gray_or_rgb(channels: int, seen: int) -> None:
    images = torch.rand(2, channels, 6, 8) * 2 - 1
    assert visible(images).shape == (2, seen, 6, 8)
    assert image_grid(images, zoom=1, gap=0).size == (16, 6)


def test_what_is_clear_lies_on_white_and_in_pictures_on_a_checkerboard() -> None:
    clear = torch.full((1, 4, 8, 8), -1.0)
    assert visible(clear).unique().tolist() == [1.0]
    levels = np.unique(np.asarray(image_grid(clear, zoom=1, gap=0)))
    assert len(levels) == 2
    solid = torch.cat([clear[:, :3], torch.ones(1, 1, 8, 8)], 1)
    assert visible(solid).unique().tolist() == [-1.0]  # the control: black
    assert np.unique(np.asarray(image_grid(solid, zoom=1, gap=0))).tolist() == [0]


def test_extractors_of_pictures_take_opacity_and_refuse_other_channels() -> None:
    inception = Inception()
    for channels in (1, 2, 3, 4):
        inception.check_shape((channels, 32, 48))
    with pytest.raises(SettingError, match=r"metric=.*\(5, 32, 48\)"):
        inception.check_shape((5, 32, 48))


def test_files_are_translated_with_the_channels_and_levels_of_the_training(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = UNetGenerator((6, 16, 24), source_channels=5, width=4, num_levels=2, dropout=0.0)
    sampler = Sampler(network, {"data": {"dtype": "float32", "fit": "pad"}}, kind=ImageKind("float32"))
    array = np.random.default_rng(0).random((16, 24, 5), dtype=np.float32)
    np.save(tmp_path / "x.npy", array)
    images = Images.find(tmp_path)
    ((name, made),) = translate(sampler, images, value_range=(0.0, 1.0))
    source = torch.from_numpy(array).permute(2, 0, 1)[None] * 2 - 1
    assert name == "x.npy"
    assert torch.allclose(made, sampler.make({"source": source, **noise(sampler)})[0], atol=1e-5)
    path = sampler.kind.save(made, tmp_path / "made")
    assert np.load(path).shape == (16, 24, 6)


def noise(sampler: Sampler) -> dict[str, torch.Tensor]:
    return {name: torch.ones(1, *each.shape) for name, each in sampler.noise.items()}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_configuration_builds_the_kind_again(dtype: str) -> None:
    found = kind_from({"kind": ImageKind(dtype).settings})
    assert isinstance(found, ImageKind)
    assert found.dtype == dtype


def test_kinds_write_what_a_png_can_hold_as_png(tmp_path: Path) -> None:
    for channels, mode in ((1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")):
        path = ImageKind().save(torch.zeros(channels, 4, 5), tmp_path / str(channels))
        with Image.open(path) as file:
            assert (file.mode, file.size) == (mode, (5, 4))
    assert ImageKind().save(torch.zeros(5, 4, 5), tmp_path / "five").suffix == ".npy"
    assert ImageKind("float32").save(torch.zeros(3, 4, 5), tmp_path / "floats").suffix == ".npy"
