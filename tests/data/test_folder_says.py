"""What a folder assumes is said: classes, splits, files that are passed over, limits, what is unreadable."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data import Folder, survey
from ganworks.data.evaluated import EvaluatedImages
from ganworks.data.files import find_images
from ganworks.errors import GanworksError, SettingError


def paint(path: Path, level: int = 0, size: tuple[int, int] = (8, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, level).save(path)


def classes(root: Path, *names: str, num: int = 8) -> Path:
    for level, name in enumerate(names):
        for index in range(num):
            paint(root / name / f"{index}.png", 20 * level)
    return root


def folder(root: Path, **settings) -> Folder:
    """Return a folder as conf/data/folder.yaml has it."""
    new = {"label_source": "auto", "split": "auto", "value_range": "auto", "changed": "error"}
    size = {"batch_size": 2, "resolution": 8, "channels": 1, "num_workers": 0}
    return Folder(root, **{**size, "cache": root.parent / "cache", **new, **settings})


def checked(root: Path, **settings) -> Folder:
    data = folder(root, **settings)
    data.check()
    return data


def level_of_label(data: Folder) -> dict[int, set[int]]:
    """Return by label the levels of the images that have it."""
    (batch,) = data.reference_batches()
    levels = ((batch["real"].mean((1, 2, 3)) + 1) * 127.5).round().int()
    return {
        label: set(levels[batch["label"] == label].tolist()) for label in batch["label"].unique().tolist()
    }


@pytest.mark.parametrize(
    ("num_stray", "limit", "num_classes"), [(1, 0.1, 3), (2, 0.1, 3), (4, 0.1, 0), (1, 0.0, 0)]
)
def test_few_images_beside_class_folders_are_left_out_and_named(
    num_stray: int, limit: float, num_classes: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = classes(tmp_path / "set", "bird", "cat", "dog")
    for index in range(num_stray):
        paint(root / f"preview{index}.png", 255)
    data = checked(root, max_corrupt=limit)
    assert data.num_classes == num_classes
    assert "preview0.png" in caplog.text
    assert ("are left out" in caplog.text) == (num_classes == 3)
    if num_classes:
        assert level_of_label(data) == {0: {0}, 1: {20}, 2: {40}}
    assert len(checked(root, num_classes=0).samples) == 24 + num_stray


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_class_without_a_readable_image_is_no_class_and_is_named(
    content: bytes | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = classes(tmp_path / "set", "bird", "cat", "dog")
    (root / "bat").mkdir()
    if content is not None:
        (root / "bat" / "0.png").write_bytes(content)
    data = checked(root)
    assert tuple(data.classes) == ("bird", "cat", "dog")
    assert data.num_classes == 3
    assert level_of_label(data) == {0: {0}, 1: {20}, 2: {40}}
    assert "bat" in caplog.text
    assert "is no class" in caplog.text
    if content is not None:  # a run that counted it goes on with its numbers
        earlier = checked(root, num_classes=4)
        assert tuple(earlier.classes) == ("bat", "bird", "cat", "dog")
        assert level_of_label(earlier) == {1: {0}, 2: {20}, 3: {40}}


def test_names_of_classes_say_their_order_and_must_be_those_of_the_folder(tmp_path: Path) -> None:
    root = classes(tmp_path / "set", "1", "2", "10")
    assert checked(root).settled["classes"] == ["1", "2", "10"]
    data = checked(root, classes=["10", "2", "1"])
    assert level_of_label(data) == {0: {40}, 1: {20}, 2: {0}}
    assert data.fingerprint != checked(root).fingerprint
    assert checked(root, classes=[1, 2, 10]).fingerprint == checked(root).fingerprint
    for names, message in (
        (["1", "2"], "it has 10 too"),
        (["1", "2", "10", "11"], "it has no 11"),
        (["1", "1", "2"], "it has 10 too"),
        (["1", "1", "2", "10"], "one comes twice"),
    ):
        with pytest.raises(SettingError, match=f"classes=.*must be null or the 3 classes .*{message}"):
            checked(root, classes=names)
    with pytest.raises(SettingError, match=r"classes=.*must be null"):
        checked(root / "1", classes=["a"])


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("train", "val", "test"), "train"),
        (("Train", "Test"), "Train"),
        (("training", "validation"), "training"),
        (("train", "test", "cat"), None),
        (("cat", "dog"), None),
        (("train", "trains"), None),
    ],
)
def test_folders_named_as_splits_are_splits_and_no_classes(
    names: tuple[str, ...], taken: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = classes(tmp_path / "set", *names)
    with caplog.at_level(logging.INFO):
        data = checked(root)
    assert data.num_classes == (0 if taken else len(names))
    assert len(data.samples) == (8 if taken else 8 * len(names))
    assert ("are splits" in caplog.text) == bool(taken)
    earlier = Folder(root, 2, 8, 1, cache=root.parent / "cache")  # a configuration without the setting
    earlier.check()
    assert earlier.num_classes == len(names)


def test_split_can_be_named_and_has_classes_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for split, num in (("train", 6), ("test", 3)):
        classes(tmp_path / "set" / split, "cat", "dog", num=num)
    paint(tmp_path / "set" / "stray.png")
    root = tmp_path / "set"
    data = checked(root)
    assert (tuple(data.classes), len(data.samples)) == (("cat", "dog"), 12)
    assert "stray.png" in caplog.text
    assert len(checked(root, split="test").samples) == 6
    assert tuple(checked(root, split="all", max_corrupt=0.1).classes) == ("test", "train")
    with pytest.raises(
        SettingError, match=r"split=tset: must be auto, all or a folder in .*Did you mean 'test'"
    ):
        checked(root, split="tset")
    (root / "train").rename(root / "val")
    with pytest.raises(
        SettingError, match=r"split=auto: must be test, val or all: .*it says not which to take"
    ):
        checked(root)
    (root / "labels.json").write_text("{}")  # a label file says what the images are
    with pytest.raises(GanworksError, match="have no row"):
        checked(root)


def test_files_that_are_passed_over_are_counted_by_suffix_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = classes(tmp_path / "set", ".", num=20)
    for index in range(60):
        (root / f"IMG_{index}.HEIC").write_text("x")
    for name in ("a.txt", "b.txt", "README", ".hidden"):
        (root / name).write_text("x")
    find_images(root)
    (line,) = [record for record in caplog.records if "passed over" in record.getMessage()]
    assert "63 of 83 files are passed over" in line.getMessage()
    assert "60 .heic, 2 .txt, 1 no suffix; convert the pictures" in line.getMessage()
    assert line.levelno == logging.WARNING


@pytest.mark.parametrize(
    ("name", "is_said"), [("labels.csv", False), ("notes.txt", True), (".DS_Store", False)]
)
def test_other_files_are_a_remark_and_a_label_file_is_none(
    name: str, is_said: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = classes(tmp_path / "set", ".")
    (root / name).write_text("x")
    with caplog.at_level(logging.INFO):
        find_images(root)
    assert ("passed over" in caplog.text) == is_said
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def dangling(path: Path) -> None:
    path.symlink_to("/nowhere/x.png")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def pipe_behind_a_link(path: Path) -> None:
    os.mkfifo(path.with_suffix(".pipe"))
    path.symlink_to(path.with_suffix(".pipe"))


def socket_file(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # a socket's path must be short
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(path.name)
    finally:
        os.chdir(before)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path)


UNREADABLE = {
    "link to nowhere": (dangling, "a link to nowhere"),
    "pipe": (pipe, "a pipe"),
    "link to a pipe": (pipe_behind_a_link, "a pipe"),
    "socket": (socket_file, "no regular file"),
    "device": (device, "no regular file"),
    "loop of links": (loop, "symbolic links"),
    "empty": (lambda path: path.write_bytes(b""), "cannot identify"),
}


@pytest.mark.parametrize("limit", [32.0, 0.0], ids=["cached", "on the fly"])
@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_counts_as_unreadable_and_is_never_opened(
    kind: str, limit: float, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = classes(tmp_path / "set", ".", num=20)
    make, reason = UNREADABLE[kind]
    make(root / "x.png")
    data = checked(root, cache_limit_gb=limit)
    assert len(data.samples) == 20
    assert "1 of 21 images cannot be read and are skipped: x.png (" in caplog.text
    assert reason in caplog.text
    assert data.fingerprint
    with pytest.raises(SettingError, match=r"max_corrupt=0.0: must be at least 0.0476 here: 1 of 21"):
        checked(root, max_corrupt=0.0, cache_limit_gb=limit)
    with pytest.raises(GanworksError, match=r"x\.png can't be read"):
        list(EvaluatedImages(root, 1).reference_batches())


@pytest.mark.parametrize("limit", [32.0, 0.0], ids=["cached", "on the fly"])
def test_image_above_the_limit_of_pixels_is_skipped_by_the_setting_and_read_with_a_higher_one(
    limit: float, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)  # Pillow refuses at twice as many
    root = classes(tmp_path / "set", ".", num=18)
    paint(root / "scan.png", 200, (40, 40))
    data = checked(root, max_pixels=1000, cache_limit_gb=limit)
    assert len(data.samples) == 18
    assert (
        "1 of 19 images have more pixels than data.max_pixels=1000 and are skipped: scan.png" in caplog.text
    )
    with pytest.raises(GanworksError, match=r"scan\.png can't be read: .*data\.max_pixels= allows more"):
        EvaluatedImages(root, 1, max_pixels=1000).reference_batches().__next__()
    data = checked(root, max_pixels=1600, cache_limit_gb=limit)
    assert len(data.samples) == 19
    assert (
        len(checked(root, max_pixels=1599, cache_limit_gb=limit).samples) == 18
    )  # the limit is not the process's
    assert len(EvaluatedImages(root, 1, max_pixels=1600)) == 19


def cut_off(root: Path, level: int, num: int, num_cut: int) -> None:
    draw = np.random.default_rng(level)
    root.mkdir(parents=True)
    for index in range(num):
        path = root / f"{index:02}.png"
        Image.fromarray((draw.integers(0, 50, (64, 64)) + level).astype(np.uint8)).save(path)
        if index >= num - num_cut:
            path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.parametrize("num_workers", [0, 2])
def test_cut_off_file_is_replaced_by_one_with_its_label_counted_and_named(
    num_workers: int, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "NUM_TRIED", 0)  # as of files that are many more
    cut_off(tmp_path / "set" / "a_dark", 0, 20, 3)
    cut_off(tmp_path / "set" / "b_bright", 200, 20, 0)
    how = {"cache_limit_gb": 0, "num_workers": num_workers, "batch_size": 40, "max_corrupt": 0.1}
    data = checked(tmp_path / "set", **how)
    batch = next(iter(data.train_dataloader()))
    is_bright = batch["real"].mean((1, 2, 3)) > 0
    assert torch.equal(is_bright.long(), batch["label"])
    assert data.describe()["num_replaced"] == 3
    assert (
        "cannot be decoded; others with their labels take their places: a_dark/17.png, a_dark/18.png"
        in caplog.text
    )


def test_more_cut_off_files_than_allowed_end_the_run_where_they_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(tmp_path / "set" / "a_dark", 0, 20, 18)
    cut_off(tmp_path / "set" / "b_bright", 200, 20, 0)
    how = {"cache_limit_gb": 0, "batch_size": 40}
    with pytest.raises(SettingError, match=r"max_corrupt=0.1: must be at least 0.45 here: 18 of 40"):
        checked(tmp_path / "set", **how)  # before the training, as a few files are tried
    monkeypatch.setattr(survey, "NUM_TRIED", 0)
    data = checked(tmp_path / "set", **how, cache=tmp_path / "other")
    with pytest.raises(SettingError, match=r"max_corrupt=0.1: must be at least 0.45 here: 18 of 40"):
        next(iter(data.train_dataloader()))


def test_class_of_cut_off_files_alone_has_no_replacement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "NUM_TRIED", 0)
    cut_off(tmp_path / "set" / "a_dark", 0, 2, 2)
    cut_off(tmp_path / "set" / "b_bright", 200, 20, 0)
    data = checked(tmp_path / "set", cache_limit_gb=0, batch_size=22, max_corrupt=1.0)
    with pytest.raises(SettingError, match=r"root=.*a_dark/0.\.png is none, nor is another with its label"):
        next(iter(data.train_dataloader()))


def test_draw_of_files_that_are_tried_estimates_the_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(tmp_path / "set", 0, 60, 30)
    monkeypatch.setattr(survey, "NUM_TRIED", 20)
    with pytest.raises(SettingError, match=r"max_corrupt=0.1: must be about 0\.\d+ here: \d+ of 20 images"):
        checked(tmp_path / "set", cache_limit_gb=0, max_corrupt=0.1)
    checked(tmp_path / "set", cache_limit_gb=0, max_corrupt=0.6)


def test_headers_are_looked_at_once_and_only_the_tried_files_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(20):
        paint(tmp_path / "set" / f"{index}.png")
    (tmp_path / "set" / "20.png").write_bytes(b"no image")
    monkeypatch.setattr(survey, "NUM_TRIED", 4)
    looks, look = [], survey.look
    monkeypatch.setattr(survey, "look", lambda path, *how: looks.append(path) or look(path, *how))
    data = checked(tmp_path / "set", cache_limit_gb=0)
    assert len(looks) == 21 + 4
    assert len(data.samples) == 20
