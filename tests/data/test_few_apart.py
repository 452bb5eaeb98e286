"""Few labelled samples: what is measured on is never trained on, by folders, copies or changed files either."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from ganworks.data import Digits, FewLabels, Folder
from ganworks.data.apart import digests
from ganworks.errors import SettingError


def folder(root: Path, num: int = 12, key: int = 0, classes: tuple[str, ...] = ("cat", "dog")) -> Path:
    rng = torch.Generator().manual_seed(key)
    for name in classes:
        (root / name).mkdir(parents=True)
        for index in range(num):
            pixels = torch.randint(0, 256, (8, 8, 3), generator=rng, dtype=torch.uint8)
            Image.fromarray(pixels.numpy()).save(root / name / f"{index:03d}.png")
    return root


def few(root: Path, cache: Path, test: Path | None = None, **settings: Any) -> FewLabels:
    of = {"resolution": 8, "channels": 3, "cache": cache, "label_source": "folders"}
    source = Folder(root, changed=settings.pop("changed", "error"), split=settings.pop("split", "all"), **of)
    apart = None if test is None else Folder(test, changed="error", **of)
    return FewLabels(source, batch_size=4, test=apart, **{"per_class": 5, **settings})


@pytest.mark.parametrize("other", [".", "cat", ".."])
def test_a_test_folder_that_is_contains_or_lies_in_the_training_folder_is_refused(
    tmp_path: Path, other: str
) -> None:
    root = folder(tmp_path / "mine" / "data")
    with pytest.raises(SettingError, match=r"test=.*must be a folder apart from"):
        few(root, tmp_path / "cache", root / other).check()
    (tmp_path / "link").symlink_to(root)
    with pytest.raises(SettingError, match="apart from"):
        len(few(root, tmp_path / "cache", tmp_path / "link").reference)


def test_a_test_folder_beside_the_split_that_is_trained_on_is_fine(tmp_path: Path) -> None:
    folder(tmp_path / "mine" / "train")
    folder(tmp_path / "mine" / "test", key=1)
    data = few(tmp_path / "mine", tmp_path / "cache", tmp_path / "mine" / "test", split="auto")
    assert len(data.reference) == 24


def test_copies_of_labelled_images_are_measured_on_neither_in_a_test_folder_nor_in_what_is_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, apart = folder(tmp_path / "mine"), folder(tmp_path / "apart", key=1)
    for index in range(12):
        shutil.copy(root / "cat" / f"{index:03d}.png", apart / "cat" / f"copy_{index}.png")
        shutil.copy(root / "cat" / f"{index:03d}.png", root / "cat" / f"twin_{index}.png")
    for test in (apart, None):
        data = few(root, tmp_path / "cache", test)
        assert not set(digests(data.reference)) & set(digests(data.samples))
    assert "have an exact copy among the labelled ones" in caplog.text
    with pytest.raises(SettingError, match="test=folder: must be data of which some are no copy"):
        len(
            few(
                root, tmp_path / "cache", Path(shutil.copytree(root, tmp_path / "all")), per_class=None
            ).reference
        )


def test_held_out_digits_have_no_copy_among_those_that_are_trained_on() -> None:
    assert len(FewLabels(Digits(split="train"), per_class=80).reference) == 901


def test_test_data_without_the_classes_of_the_training_are_named(tmp_path: Path) -> None:
    root = folder(tmp_path / "mine")
    plain = folder(tmp_path / "plain", classes=(".",), key=2)
    with pytest.raises(SettingError, match="test=folder: must be data with one class a sample"):
        len(few(root, tmp_path / "cache", plain).reference)
    more = folder(tmp_path / "more", classes=("cat", "dog", "emu"), key=3)
    with pytest.raises(
        SettingError, match="test=folder: must be data with the classes cat, dog, not cat, dog, emu"
    ):
        len(few(root, tmp_path / "cache", more).reference)


def test_changed_files_are_an_error_on_resume_and_where_accepted_the_labelled_ones_stay(
    tmp_path: Path,
) -> None:
    root, cache = folder(tmp_path / "mine"), tmp_path / "cache"
    before = few(root, cache)
    state, trained = before.state_dict(), set(digests(before.samples))
    few(root, cache).check_same(state)
    apart = set(digests(before.reference))
    added = folder(tmp_path / "more", num=20, key=7)
    for name in ("cat", "dog"):
        for path in (added / name).iterdir():
            shutil.copy(path, root / name / f"000_{path.name}")
    with pytest.raises(SettingError, match=r"source.changed=error: must be accept"):
        few(root, cache).check_same(state)
    fresh = few(root, cache, changed="accept")
    assert set(digests(fresh.samples)) & apart  # a new draw trains on what was measured on
    fresh.check_same(state)
    assert set(digests(fresh.samples)) == trained
    assert apart < set(digests(fresh.reference))


def test_changed_test_files_are_an_error_on_resume(tmp_path: Path) -> None:
    root, apart = folder(tmp_path / "mine"), folder(tmp_path / "apart", key=1)
    state = few(root, tmp_path / "cache", apart).state_dict()
    (apart / "cat" / "000.png").unlink()
    with pytest.raises(SettingError, match=r"test.changed=error"):
        few(root, tmp_path / "cache", apart).check_same(state)
