"""Pairs of image files: every layout, the same decoding for both sides, and errors that name the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganworks.data import Folder, Pairs
from ganworks.data.pair_files import held_out
from ganworks.errors import GanworksError, SettingError

SIDE = 8


def colour(number: int, blue: int) -> tuple[int, int, int]:
    """The colour of pair ``number``, and of its side."""
    return (20 * number, 100, blue)


def write(path: Path, number: int, blue: int, size: tuple[int, int] = (SIDE, SIDE)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour(number, blue)).save(path)


def write_beside(path: Path, number: int, size: tuple[int, int] = (2 * SIDE, SIDE)) -> None:
    """Write a file with A (blue 0) on the left and B (blue 255) on the right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, colour(number, 0))
    image.paste(colour(number, 255), (size[0] // 2, 0, *size))
    image.save(path)


def fill(root: Path, a: str, b: str, numbers: range, suffixes: tuple[str, str] = (".png", ".png")) -> None:
    for number in numbers:
        write(root / a / f"{number}{suffixes[0]}", number, 0)
        write(root / b / f"{number}{suffixes[1]}", number, 255)


def pairs(root: Path, **kwargs: Any) -> Pairs:
    cache = root.parent / f"{root.name}_cache"
    return Pairs(root, **{"resolution": SIDE, "batch_size": 2, "cache": cache, **kwargs})


def content(samples: Any) -> list[tuple[int, int, int]]:
    """Return (number of the pair, blue of the source, blue of the real sample) of each sample."""
    fields = samples.read(torch.arange(len(samples)))
    source, real = fields["source"][:, :, 0, 0].tolist(), fields["real"][:, :, 0, 0].tolist()
    assert all(s[0] == r[0] for s, r in zip(source, real, strict=True))  # a pair is of one number
    return [(s[0] // 20, s[2], r[2]) for s, r in zip(source, real, strict=True)]


def layout(root: Path, name: str) -> None:
    """Write 6 pairs to train on and, where the layout has them, 2 to measure with."""
    if name == "A and B":
        fill(root, "A", "B", range(6), (".png", ".bmp"))
    elif name == "A and B with splits":
        fill(root, "A/train", "B/train", range(6))
        fill(root, "A/test", "B/test", range(6, 8))
    elif name == "trainA and trainB":
        fill(root, "trainA", "trainB", range(6))
        fill(root, "testA", "testB", range(6, 8))
    elif name == "trainA and valA":
        fill(root, "trainA", "trainB", range(6))
        fill(root, "valA", "valB", range(6, 8))
    elif name == "train with A and B":
        fill(root, "train/A", "train/B", range(6))
        fill(root, "test/A", "test/B", range(6, 8))
    elif name == "side by side with splits":
        for number in range(8):
            write_beside(root / ("train" if number < 6 else "val") / f"{number}.png", number)
    else:
        for number in range(6):
            write_beside(root / f"{number}.png", number)


LAYOUTS = {
    "A and B": 0,
    "A and B with splits": 2,
    "trainA and trainB": 2,
    "trainA and valA": 2,
    "train with A and B": 2,
    "side by side with splits": 2,
    "side by side": 0,
}


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_gives_its_pairs_in_both_directions(name: str, direction: str, tmp_path: Path) -> None:
    root, num_apart = tmp_path / "data", LAYOUTS[name]
    layout(root, name)
    data = pairs(root, direction=direction, held_out=0.34)
    data.check()
    found, apart = content(data.samples), content(data.reference)
    blues = {(0, 255)} if direction == "AtoB" else {(255, 0)}
    assert {pair[1:] for pair in found + apart} == blues
    numbers = [pair[0] for pair in found], [pair[0] for pair in apart]
    if num_apart:
        assert numbers == ([0, 1, 2, 3, 4, 5], [6, 7])
    else:
        assert [len(each) for each in numbers] == [4, 2]
        assert sorted(numbers[0] + numbers[1]) == [0, 1, 2, 3, 4, 5]


def test_what_is_held_out_does_not_depend_on_the_seed(tmp_path: Path) -> None:
    layout(tmp_path / "data", "A and B")
    first, second = (pairs(tmp_path / "data", held_out=0.34, seed=seed) for seed in (0, 1))
    assert content(first.reference) == content(second.reference)
    assert held_out(10, 0.2)[1] != held_out(10, 0.2)[0][:2]


def test_without_a_held_out_share_the_metrics_measure_with_the_training_pairs(tmp_path: Path) -> None:
    layout(tmp_path / "data", "A and B")
    data = pairs(tmp_path / "data", held_out=0.0)
    assert not data.has_own_reference
    assert data.num_reals == 6
    cropped = pairs(tmp_path / "data", held_out=0.0, load_resolution=2 * SIDE)  # read anew, without crops
    assert cropped.reference is not cropped.samples
    assert not cropped.has_own_reference
    assert pairs(tmp_path / "data", held_out=0.34).has_own_reference


def test_a_rectangle_is_cropped_at_the_centre_and_resized(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for side in "AB":
        image = np.zeros((20, 40, 3), np.uint8)
        image[:, 10:30] = 255  # the square at the centre
        (root / side).mkdir(parents=True)
        for number in range(3):
            Image.fromarray(image).save(root / side / f"{number}.png")
    square = pairs(root, batch_size=1).samples.read(torch.tensor([0]))
    wide = pairs(root, batch_size=1, resolution=[4, 8]).samples.read(torch.tensor([0]))
    assert square["real"].shape == (1, 3, 8, 8)
    assert bool((square["real"][..., 1:-1] == 255).all())
    assert wide["source"].shape == (1, 3, 4, 8)
    assert wide["real"][0, 0, 0].tolist()[0] < 30
    assert wide["real"][0, 0, 0].tolist()[4] > 225


def test_the_halves_of_a_file_do_not_run_into_each_other(tmp_path: Path) -> None:
    for number in range(3):
        write_beside(tmp_path / "data" / f"{number}.png", number, (8 * SIDE, 4 * SIDE))
    fields = pairs(tmp_path / "data", batch_size=1).samples.read(torch.tensor([0]))
    assert fields["source"][0, 2].unique().tolist() == [0]
    assert fields["real"][0, 2].unique().tolist() == [255]


def test_each_side_has_its_own_channels(tmp_path: Path) -> None:
    layout(tmp_path / "data", "A and B")
    data = pairs(tmp_path / "data", channels=3, source_channels=1)
    assert data.example()["source"].shape == (1, 1, 8, 8)
    assert data.example()["real"].shape == (1, 3, 8, 8)
    assert data.baselines(2, 0) == {}  # a gray source cannot stand in for a colour image


def striped(root: Path, height: int = SIDE, width: int = SIDE) -> None:
    """Write pairs of equal images whose columns and rows all differ."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([20 * rows, 20 * columns, 0 * rows], -1).astype(np.uint8)
    for side in "AB":
        (root / side).mkdir(parents=True)
        for number in range(8):
            Image.fromarray(image + number).save(root / side / f"{number}.png")


def batches(data: Pairs, num: int) -> list[dict[str, Tensor]]:
    loader = data.train_dataloader()
    return [batch for _ in range(num) for batch in loader][:num]


def test_source_and_real_are_mirrored_alike(tmp_path: Path) -> None:
    striped(tmp_path / "data")
    found = batches(pairs(tmp_path / "data", horizontal_flip=True, held_out=0.0), 4)
    assert all(torch.equal(batch["source"], batch["real"]) for batch in found)
    is_mirrored = [row[1, 0, 0] > row[1, 0, -1] for batch in found for row in batch["real"]]
    assert 0 < sum(is_mirrored) < len(is_mirrored)


def test_crops_are_the_same_for_both_sides_and_new_every_epoch(tmp_path: Path) -> None:
    striped(tmp_path / "data", 12, 12)
    data = pairs(tmp_path / "data", load_resolution=12, held_out=0.0)
    found = batches(data, 12)  # three epochs
    assert all(torch.equal(batch["source"], batch["real"]) for batch in found)
    assert {tuple(batch["real"].shape) for batch in found} == {(2, 3, 8, 8)}
    corners = {tuple(row[:2, 0, 0].tolist()) for batch in found for row in batch["real"]}
    assert len(corners) > 8
    assert data.example()["real"].shape == (2, 3, 8, 8)
    assert data.training_data().example()["real"].shape == (2, 3, 8, 8)


def test_crops_go_on_where_a_loader_stopped(tmp_path: Path) -> None:
    striped(tmp_path / "data", 12, 12)
    whole = batches(pairs(tmp_path / "data", load_resolution=12, held_out=0.0), 9)
    resumed = pairs(tmp_path / "data", load_resolution=12, held_out=0.0)
    resumed.load_state_dict({"loader": {"epoch": 1, "batch": 1, "global_batch_size": 2}})
    for before, after in zip(whole[5:], batches(resumed, 4), strict=True):
        assert torch.equal(before["real"], after["real"])


def refused(root: Path, words: str, **kwargs: Any) -> None:
    with pytest.raises(GanworksError, match=words):
        pairs(root, **kwargs).check()


def test_a_file_without_a_partner_is_named(tmp_path: Path) -> None:
    root = tmp_path / "data"
    layout(root, "A and B")
    write(root / "A" / "lonely.png", 1, 0)
    refused(root, r"A/lonely.png has no partner in B")
    (root / "A" / "lonely.png").unlink()
    write(root / "B" / "other.png", 1, 0)
    refused(root, r"B/other.png has no partner in A")


def test_two_files_of_one_name_are_named(tmp_path: Path) -> None:
    layout(tmp_path / "data", "A and B")
    write(tmp_path / "data" / "A" / "3.jpg", 1, 0)
    refused(tmp_path / "data", r"A/3.* and A/3.* are one name")


def test_a_missing_or_an_empty_side_is_named(tmp_path: Path) -> None:
    root = tmp_path / "data"
    fill(root, "trainA", "trainB", range(3))
    fill(root, "testA", "testC", range(3))
    refused(root, "testB is missing")
    (root / "testB").mkdir()
    refused(root, r"root=.*testB: must be a folder with images.*: it is empty")


def test_a_side_by_side_file_of_odd_width_is_named(tmp_path: Path) -> None:
    layout(tmp_path / "data", "side by side")
    write_beside(tmp_path / "data" / "odd.png", 1, (2 * SIDE + 1, SIDE))
    refused(
        tmp_path / "data", r"odd.png is 17 pixels wide: a file with A and B side by side has an even width"
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    layout(tmp_path / "data", "A and B")
    (tmp_path / "data" / "B" / "3.bmp").write_bytes(b"no image")
    refused(tmp_path / "data", r"B/3.bmp cannot be read: cannot identify image file", held_out=0.0)


def test_folders_of_other_names_are_named(tmp_path: Path) -> None:
    fill(tmp_path / "data", "photos", "sketches", range(3))
    refused(tmp_path / "data", r"a folder with A and B .*: in it are the folders photos, sketches")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"direction": "atob"}, "direction=atob: must be one of AtoB, BtoA. Did you mean '"),
        (
            {"resolution": [8, 8, 8]},
            r"resolution=\[8, 8, 8\]: must be a side in pixels, or \[height, width\]",
        ),
        ({"load_resolution": 6}, "load_resolution=6: must be at least 8x8"),
        ({"channels": 0}, "channels=0: must be an integer from 1 up"),
        ({"source_channels": 0.5}, "source_channels=0.5: must be an integer from 1 up"),
        ({"num_classes": 3}, "num_classes=3: must be 0"),
        ({"held_out": 1.0}, "held_out=1.0: must be a number from 0 to 0.9"),
        ({"shape": [3, 4, 8]}, r"shape=\[3, 4, 8\]: must be \[3, 8, 8\]"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=words):
        pairs(tmp_path, **settings)


def test_pairs_too_many_for_the_cache_are_refused(tmp_path: Path) -> None:
    layout(tmp_path / "data", "A and B")
    refused(tmp_path / "data", "cache_limit_gb=1e-07: must be at least", cache_limit_gb=1e-7)


@pytest.mark.parametrize("train", [("train/A", "test/A"), ("A/train", "A/test"), ("trainA", "valA")])
def test_half_a_test_set_is_an_error(train: tuple[str, str], tmp_path: Path) -> None:
    root = tmp_path / "data"
    fill(root, train[0], train[0].replace("A", "B"), range(3))
    write(root / train[1] / "7.png", 7, 0)
    refused(root, "is missing")


def deep(path: Path, high: int, num: int = 3) -> None:
    """Write images of 16 bits whose values go from 0 to ``high``."""
    path.mkdir(parents=True)
    for number in range(num):
        values = np.linspace(0, high, SIDE * SIDE).astype(np.uint16).reshape(SIDE, SIDE)
        Image.fromarray(values).save(path / f"{number}.png")


def levels(data: Any) -> tuple[int, int]:
    """Return the smallest and the largest byte of the real samples."""
    values = data.samples.read(torch.arange(len(data.samples)))["real"]
    return int(values.min()), int(values.max())


def test_images_of_12_bits_are_as_bright_as_in_a_folder(tmp_path: Path) -> None:
    for side in "AB":
        deep(tmp_path / "data" / side, 4000)
    data = pairs(tmp_path / "data", channels=1, held_out=0.0)
    data.check()
    folder = Folder(tmp_path / "data" / "B", 2, SIDE, 1, cache=tmp_path / "cache", value_range="auto")
    assert torch.equal(data.samples.values, folder.samples.values)
    assert levels(data) == (0, 249)  # 4000 of 4095
    assert data.settled == {"value_range": [0, 4095]}
    assert data.describe()["value_range"] == [0, 4095]
    again = pairs(tmp_path / "data", channels=1, held_out=0.0, value_range=[0, 4095])
    assert torch.equal(again.samples.values, data.samples.values)
    assert again.fingerprint == data.fingerprint
    dark = pairs(tmp_path / "data", channels=1, held_out=0.0, value_range="dtype")
    assert levels(dark) == (0, 16)
    assert dark.fingerprint != data.fingerprint


def test_images_of_8_bits_settle_no_range(tmp_path: Path) -> None:
    layout(tmp_path / "data", "A and B")
    data = pairs(tmp_path / "data", held_out=0.0)
    data.check()
    assert (data.settled, data.describe()["value_range"]) == ({}, "auto")
    with pytest.raises(SettingError, match="value_range"):
        pairs(tmp_path / "data", value_range="white")


def test_more_pairs_to_translate_than_there_are_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    layout(tmp_path / "data", "A and B with splits")
    data = pairs(tmp_path / "data")
    data.draw_conditions(["source"], 2, 0)
    assert "over and over" not in caplog.text
    for _ in range(2):
        data.draw_conditions(["source"], 1000, 0)
    assert caplog.text.count("1,000 translations of 2 sources") == 1
