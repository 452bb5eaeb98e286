"""A user's folder: found, labelled, decoded once, and its faults named."""

import json
import logging
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data import BatchLoader, Folder, WorkerLoader, survey
from ganworks.data import cache as cache_module
from ganworks.errors import SettingError


def paint(path: Path, level: int, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((12, 10, 3), level, dtype=np.uint8)).convert(mode).save(path)


def damage(path: Path) -> None:
    """Cut a file in the middle: its header can still be read."""
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:5000])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for level in range(20):
        paint(tmp_path / "photos" / f"{level:02}.png", level * 10)
    return tmp_path / "photos"


def folder(root: Path | None, **settings) -> Folder:
    cache = "cache" if root is None else Path(root).parent / "cache"
    return Folder(root, **{"batch_size": 4, "resolution": 8, "cache": cache, **settings})


def fail(*_, **__) -> None:
    raise OSError("decoded again")


def levels(data: Folder) -> list[int]:
    """The gray level of every image of the reference set, sorted."""
    real = torch.cat([batch["real"] for batch in data.reference_batches()])
    return sorted(((real[:, 0, 4, 4] + 1) * 127.5).round().int().tolist())


def test_every_image_is_found_nested_and_whatever_its_suffix(photos: Path) -> None:
    paint(photos / "a" / "b" / "deep.JPG", 251)
    paint(photos / "more.TIFF", 252, mode="RGBA")
    paint(photos / ".hidden.png", 253)
    paint(photos / "__MACOSX" / "x.png", 254)
    (photos / "notes.txt").write_text("not an image")
    data = folder(photos)
    data.check()
    assert levels(data) == [*range(0, 200, 10), 251, 252]
    assert data.num_classes == 0
    assert data.shape == (3, 8, 8)


def test_subfolders_are_classes_when_every_image_is_in_one(tmp_path: Path) -> None:
    for level, name in enumerate(["cat", "cat", "cat", "dog", "eel"]):
        paint(tmp_path / "pets" / name / "sub" / f"{level}.png", level)
    data = folder(tmp_path / "pets", batch_size=5)
    data.check()
    assert data.num_classes == 3
    batch = next(iter(data.train_dataloader()))
    level = ((batch["real"][:, 0, 0, 0] + 1) * 127.5).round().long()
    assert torch.equal(torch.tensor([0, 0, 0, 1, 2])[level], batch["label"])
    without = folder(tmp_path / "pets", batch_size=5, num_classes=0)
    without.check()
    assert "label" not in next(iter(without.train_dataloader()))
    with pytest.raises(SettingError, match="num_classes=4: must be 3"):
        folder(tmp_path / "pets", batch_size=5, num_classes=4).check()


def test_one_image_outside_or_one_subfolder_alone_means_no_classes(photos: Path) -> None:
    paint(photos / "a" / "1.png", 1)
    paint(photos / "b" / "2.png", 2)
    mixed, alone = folder(photos), folder(photos / "a", batch_size=1)
    mixed.check()
    alone.check()
    assert mixed.num_classes == alone.num_classes == 0


def test_links_to_folders_are_followed_once(photos: Path) -> None:
    (photos / "loop").symlink_to(photos)
    assert len(folder(photos).samples) == 20


def test_images_are_decoded_once(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = levels(folder(photos))
    monkeypatch.setattr(cache_module, "decode", fail)
    assert levels(folder(photos)) == first
    with pytest.raises(SettingError, match="none of its 20"):
        levels(folder(photos, resolution=16))


def test_a_changed_folder_is_decoded_anew(photos: Path) -> None:
    before = folder(photos)
    before.check()
    paint(photos / "00.png", 255)
    paint(photos / "20.png", 200)
    after = folder(photos)
    assert levels(before) == list(range(0, 200, 10))
    assert levels(after) == [*range(10, 210, 10), 255]
    assert folder(photos).fingerprint != before.fingerprint


def test_a_half_written_cache_is_never_used(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_, **__) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache_module.json, "dumps", killed)  # after the images, before the end
        with pytest.raises(KeyboardInterrupt):
            folder(photos).check()
    partly = list((photos.parent / "cache").glob("*.partial"))
    assert len(partly) == 1
    assert levels(folder(photos)) == list(range(0, 200, 10))
    assert not list((photos.parent / "cache").glob("*.partial"))


def test_processes_that_start_together_decode_once(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds: list[int] = []
    build = cache_module.decode_all
    monkeypatch.setattr(cache_module, "decode_all", lambda *args: (builds.append(1), build(*args))[1])
    threads = [threading.Thread(target=folder(photos).check) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1


def test_corrupt_files_are_counted_named_and_skipped(photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    (photos / "05.png").write_bytes(b"not an image")
    damage(photos / "07.png")
    with caplog.at_level(logging.WARNING):
        data = folder(photos, max_corrupt=0.1)
        data.check()
    assert (
        "2 of 20 images cannot be read and are skipped: 05.png (cannot identify image file); 07.png"
        in caplog.text
    )
    assert levels(data) == sorted(set(range(0, 200, 10)) - {50, 70})


def test_labels_stay_with_their_images_when_corrupt_files_are_skipped(tmp_path: Path) -> None:
    for level in range(12):
        paint(tmp_path / "set" / ("even" if level % 2 == 0 else "odd") / f"{level}.png", level)
    damage(tmp_path / "set" / "even" / "2.png")
    data = folder(tmp_path / "set", max_corrupt=0.2)
    batch = next(data.reference_batches())
    level = ((batch["real"][:, 0, 0, 0] + 1) * 127.5).round().long()
    assert torch.equal(level % 2, batch["label"])
    assert len(level) == 11


def test_more_corrupt_files_than_allowed_are_an_error(photos: Path) -> None:
    for index in range(3):
        damage(photos / f"0{index}.png")
    with pytest.raises(SettingError, match=r"max_corrupt=0.1: must be at least 0.15 here: 3 of 20 .*00\.png"):
        folder(photos).check()
    folder(photos, max_corrupt=0.15).check()


def test_a_folder_without_a_readable_image_is_an_error(photos: Path) -> None:
    for path in photos.iterdir():
        path.write_bytes(b"")
    with pytest.raises(
        SettingError, match=r"root=.*: must be a folder with readable images; none of its 20 is"
    ):
        folder(photos, max_corrupt=1.0).check()


def test_folders_that_cannot_be_used_are_errors_that_say_why(photos: Path) -> None:
    empty = photos.parent / "empty"
    empty.mkdir()
    with pytest.raises(SettingError, match=r"root=.*empty: must be a folder with images .*it is empty"):
        folder(empty).check()
    (empty / "notes.txt").write_text("")
    with pytest.raises(SettingError, match="it has 1 other files"):
        folder(empty).check()
    with pytest.raises(
        SettingError, match=r"root=.*photo: must be a folder that exists. Did you mean '.*photos'"
    ):
        folder(photos.parent / "photo").check()
    with pytest.raises(SettingError, match="this is a file"):
        folder(photos / "00.png").check()
    with pytest.raises(SettingError, match="root=None: must be the folder of your images"):
        folder(None).check()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 21}, "batch_size=21: must be at most 20"),
        ({"resolution": 0}, "resolution=0"),
        ({"channels": 0}, "channels=0"),
        ({"max_corrupt": 2}, "max_corrupt=2: must be a number from 0 to 1"),
        ({"cache_limit_gb": -1}, "cache_limit_gb=-1"),
        ({"num_workers": -1}, "num_workers=-1"),
        ({"cache": "/dev/null/cache"}, "cache=/dev/null/cache: must be a folder that can be written"),
    ],
)
def test_settings_that_cannot_be_raise_an_error_with_their_name(
    photos: Path, settings: dict, message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        folder(photos, **settings).check()


@pytest.mark.parametrize("num_workers", [0, 2])
def test_decoding_on_the_fly_gives_the_batches_of_the_cache(photos: Path, num_workers: int) -> None:
    cached = folder(photos, horizontal_flip=True)
    flying = folder(photos, horizontal_flip=True, cache_limit_gb=0, num_workers=num_workers)
    assert type(cached.train_dataloader()) is BatchLoader
    assert isinstance(flying.train_dataloader(), WorkerLoader)
    for first, second in zip(cached.loader, flying.loader, strict=True):
        assert torch.equal(first["real"], second["real"])
    assert levels(cached) == levels(flying)
    assert cached.fingerprint == flying.fingerprint


def test_on_the_fly_a_file_that_turns_out_corrupt_is_replaced_by_the_next(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "NUM_TRIED", 0)
    damage(photos / "07.png")  # its header is fine
    (photos / "09.png").write_bytes(b"")  # its header is not: skipped from the start
    data = folder(photos, cache_limit_gb=0, num_workers=0)
    data.check()
    assert levels(data) == sorted([*(set(range(0, 200, 10)) - {70, 90}), 80])


def test_unreadable_files_are_listed_in_the_cache(photos: Path) -> None:
    damage(photos / "07.png")
    folder(photos).check()
    (listed,) = (photos.parent / "cache").glob("images-*/corrupt.json")
    assert list(json.loads(listed.read_text())) == ["07.png"]
