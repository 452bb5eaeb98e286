"""Super-resolution: sources are what is left of the images, held out ones are seen by nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from ganworks.data import DigitsSuperres, Superres
from ganworks.data.decode import decode_whole, read_size
from ganworks.data.digits import digits_images, halves
from ganworks.data.kept import open_kept
from ganworks.data.sample_format import SampleFormat
from ganworks.data.superres_folder import degraded
from ganworks.errors import GanworksError, SettingError


def test_a_source_has_the_means_of_the_digit_and_nothing_finer() -> None:
    data = DigitsSuperres()
    fields = data.samples.read(torch.arange(5))
    small = fields["real"].unflatten(2, (4, 2)).unflatten(4, (4, 2)).mean((3, 5))
    expected = torch.nn.functional.interpolate(small, scale_factor=2, mode="bicubic").clamp(-1, 1)
    torch.testing.assert_close(fields["source"], expected)
    assert not torch.allclose(fields["source"], fields["real"], atol=0.1)


def test_digits_are_trained_on_the_half_that_the_classifier_saw() -> None:
    data, (train, held_out) = DigitsSuperres(), halves()
    images, labels = digits_images()
    assert torch.equal(data.samples.values, images[train])
    assert torch.equal(data.reference.values, images[held_out])
    assert torch.equal(data.reference.labels, labels[held_out])


def folder(root: Path, num: int = 5, size: tuple[int, int] = (20, 36)) -> Path:
    root.mkdir(parents=True)
    for number in range(num):
        rng = np.random.default_rng(number)
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(root / f"{number}.png")
    return root


def superres(root: Path, **kwargs: Any) -> Superres:
    settings = {"resolution": 8, "factor": 2, "batch_size": 2, "cache": root.parent / "cache"}
    return Superres(root, **{**settings, **kwargs})


def test_images_are_cut_into_all_tiles_that_fit_around_the_centre(tmp_path: Path) -> None:
    data = superres(folder(tmp_path / "data"), held_out=0.4)
    assert (len(data.samples), len(data.reference)) == (3 * 2 * 4, 2 * 2 * 4)
    whole = torch.from_numpy(np.array(Image.open(tmp_path / "data" / data.files[0].names[0]))).permute(
        2, 0, 1
    )
    middle = whole[:, 2:18, 2:34]
    tile = data.samples.read(torch.tensor([5]))  # second row, second column
    assert torch.equal(tile["real"][0], middle[:, 8:16, 8:16])
    assert torch.equal(tile["source"][0], degraded(middle, 2)[:, 8:16, 8:16])


def test_a_plain_image_survives_and_a_checkerboard_does_not() -> None:
    plain = torch.full((1, 16, 16), 100, dtype=torch.uint8)
    assert torch.equal(degraded(plain, 4), plain)
    board = (255 * ((torch.arange(16)[:, None] + torch.arange(16)) % 2)).to(torch.uint8)[None]
    assert degraded(board, 2).float().std() < 20  # antialiased: gray, and no pattern of another frequency


def test_train_and_test_folders_are_used_as_such(tmp_path: Path) -> None:
    folder(tmp_path / "data" / "train", 3, (8, 8))
    folder(tmp_path / "data" / "test", 2, (8, 8))
    data = superres(tmp_path / "data")
    assert (len(data.samples), len(data.reference)) == (3, 2)


def test_images_smaller_than_a_tile_are_left_out_and_none_that_is_large_enough_is_an_error(
    tmp_path: Path,
) -> None:
    root = folder(tmp_path / "data", 4, (8, 8))
    Image.new("RGB", (7, 30)).save(root / "small.png")
    assert len(superres(root, held_out=0.0).samples) == 4
    with pytest.raises(SettingError, match=r"resolution=32x32: must be less: no image in .* is as large"):
        superres(root, resolution=32).check()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    root = folder(tmp_path / "data", 4, (8, 8))
    (root / "broken.png").write_bytes(b"no image")
    with pytest.raises(GanworksError, match=r"broken.png cannot be read"):
        superres(root, held_out=0.0).check()


def test_a_resolution_that_the_factor_does_not_divide_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"resolution=10x10: must be multiples of data.factor=4"):
        superres(tmp_path, resolution=10, factor=4)


def test_images_of_16_bits_are_scaled_by_what_their_values_say(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    values = np.linspace(0, 4000, 64).astype(np.uint16).reshape(8, 8)
    for number in range(3):
        Image.fromarray(values).save(tmp_path / "data" / f"{number}.png")
    data = superres(tmp_path / "data", channels=1, held_out=0.0)
    data.check()
    expected = torch.from_numpy((values / 4095 * 255).round().astype(np.uint8))
    assert torch.equal(data.samples.read(torch.tensor([1]))["real"][0, 0], expected)
    assert data.settled == {"value_range": [0, 4095]}


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_turned_images_have_as_many_tiles_as_their_header_says(
    orientation: int, suffix: str, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    for number in range(2):
        image = Image.new("RGB", (40, 20), (50 * number, 0, 0))
        image.save(tmp_path / "data" / f"{number}{suffix}", exif=exif)
    path = tmp_path / "data" / f"0{suffix}"
    assert read_size(path) == tuple(decode_whole(path, SampleFormat(None, 3)).shape[1:])
    assert read_size(path) == ((40, 20) if orientation > 4 else (20, 40))
    size = [32, 16] if orientation > 4 else [16, 32]
    assert len(superres(tmp_path / "data", resolution=size, held_out=0.0).samples) == 2


def test_decoded_images_of_another_size_are_never_mapped(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        (folder / "pairs.bin").write_bytes(bytes(11))

    with pytest.raises(GanworksError, match="have 11 bytes, and 12 were expected"):
        open_kept(tmp_path, 1.0, "key", (1, 3, 2, 2), write)
    assert not (tmp_path / "key").exists()
