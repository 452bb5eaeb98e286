"""The folder of decoded images: checked when it is opened, made anew where it is damaged, shared by processes."""

from __future__ import annotations

import logging
import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data import Folder, entry
from ganworks.data import cache as cache_module
from ganworks.errors import SettingError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "set").mkdir()
    draw = np.random.default_rng(0)
    for index in range(8):
        Image.fromarray(draw.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / "set" / f"{index}.png")
    (tmp_path / "set" / "8.png").write_bytes(b"none")
    return tmp_path / "set"


def folder(root: Path, **settings) -> Folder:
    return Folder(root, 2, 8, cache=root.parent / "cache", max_corrupt=0.2, **settings)


def read(root: Path, **settings) -> torch.Tensor:
    data = folder(root, **settings)
    data.check()
    return data.samples.read(torch.arange(len(data.samples)))


def images_folder(root: Path) -> Path:
    (found,) = (path for path in (root.parent / "cache").glob("images-*") if path.is_dir())
    return found


def overwrite(name: str, start: int, content: bytes) -> Callable[[Path], None]:
    def damage(done: Path) -> None:
        with (done / name).open("r+b") as file:
            file.seek(start, os.SEEK_SET if start >= 0 else os.SEEK_END)
            file.write(content)

    return damage


def shorten(name: str, num: int) -> Callable[[Path], None]:
    return lambda done: os.truncate(done / name, num)


def rewrite(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda done: (done / name).write_bytes(content) and None


DAMAGES = {
    "one byte at the start": overwrite("images.bin", 0, b"\x7f"),
    "one byte in the middle": overwrite("images.bin", 700, b"\x7f\x00"),
    "last byte": overwrite("images.bin", -1, b"\x33"),
    "zeros": rewrite("images.bin", bytes(8 * 192)),
    "images cut off": shorten("images.bin", 1000),
    "images empty": shorten("images.bin", 0),
    "images longer": lambda done: overwrite("images.bin", 8 * 192, b"more")(done),
    "images gone": lambda done: (done / "images.bin").unlink(),
    "list empty": shorten("corrupt.json", 0),
    "list cut off": shorten("corrupt.json", 5),
    "list of nothing": rewrite("corrupt.json", b"{}"),
    "list of another kind": rewrite("corrupt.json", b"[1, 2]"),
    "list gone": lambda done: (done / "corrupt.json").unlink(),
    "list no text": rewrite("corrupt.json", b"\xff\xfe\x00"),
    "checksums cut off": shorten(entry.CHECKSUMS, 9),
    "checksums of another kind": rewrite(entry.CHECKSUMS, b"[1]"),
    "checksums empty": shorten(entry.CHECKSUMS, 0),
    "a file more": lambda done: (done / "x").write_text("x") and None,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_folder_is_made_anew_with_a_word(
    damage: str, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = read(root).clone()
    DAMAGES[damage](images_folder(root))
    with caplog.at_level(logging.WARNING):
        assert torch.equal(read(root), before)
    assert "is damaged" in caplog.text
    assert "is made anew" in caplog.text
    caplog.clear()
    assert torch.equal(read(root), before)
    assert "is damaged" not in caplog.text
    assert not [
        path.name for path in (root.parent / "cache").iterdir() if path.suffix in (".partial", ".damaged")
    ]


@pytest.mark.parametrize("damage", ["one byte in the middle", "list of nothing"])
def test_control_without_checksums_such_damage_is_not_seen(
    damage: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read(root).clone()
    DAMAGES[damage](images_folder(root))
    monkeypatch.setattr(entry, "find_fault", lambda *_: None)
    try:
        assert not torch.equal(read(root), before)
    except ValueError:  # as many bytes as images are not there
        assert damage == "list of nothing"


@pytest.mark.parametrize(
    "damage", ["images cut off", "images gone", "list cut off", "list of nothing", "list gone"]
)
def test_folder_of_an_earlier_state_is_opened_and_made_anew_where_its_sizes_are_wrong(
    damage: str, root: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read(root).clone()
    (images_folder(root) / entry.CHECKSUMS).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "decode", lambda *_, **__: pytest.fail("decoded again"))
        assert torch.equal(read(root), before)
    DAMAGES[damage](images_folder(root))
    assert torch.equal(read(root), before)
    assert "is damaged" in caplog.text


def test_whole_chunks_are_summed_and_the_damaged_one_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "CHUNK", 16)
    (tmp_path / "x").write_bytes(bytes(range(100)))
    sums = entry.checksums(tmp_path)["x"]
    assert len(sums) == 7
    overwrite("x", 33, b"?")(tmp_path)
    changed = entry.checksums(tmp_path)["x"]
    assert [a != b for a, b in zip(sums, changed, strict=True)] == [False, False, True, *[False] * 4]


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_others_may_read_what_the_umask_lets_them(root: Path, umask: int, expected: int) -> None:
    before = os.umask(umask)
    try:
        read(root)
    finally:
        os.umask(before)
    files = [path for path in (root.parent / "cache").rglob("*") if path.is_file()]
    assert len(files) == 4  # and the lock
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {expected}
    assert stat.S_IMODE(images_folder(root).stat().st_mode) == expected | (expected & 0o444) >> 2


def test_complete_folder_is_opened_without_a_lock(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read(root).clone()
    monkeypatch.setattr(
        entry, "FileLock", lambda *_, **__: pytest.fail("it may lie where nothing can be written")
    )
    assert torch.equal(read(root), before)


def test_full_disk_leaves_nothing_behind(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        entry, "checksums", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(SettingError, match=r"cache=.*: must be a folder that can be written .*No space left"):
        read(root)
    assert {path.suffix for path in (root.parent / "cache").iterdir()} <= {".lock"}


def open_once(root: Path, start: multiprocessing.synchronize.Event, results: multiprocessing.Queue) -> None:
    start.wait()
    results.put(read(root).numpy().tobytes())


def test_processes_that_open_a_damaged_folder_together_all_read_the_right_images(root: Path) -> None:
    expected = read(root).numpy().tobytes()
    context = multiprocessing.get_context("fork")
    for damage in ("one byte in the middle", "images gone", "list cut off"):
        DAMAGES[damage](images_folder(root))
        start, results = context.Event(), context.Queue()
        processes = [context.Process(target=open_once, args=(root, start, results)) for _ in range(4)]
        for process in processes:
            process.start()
        start.set()
        assert [results.get(timeout=60) for _ in processes] == [expected] * 4
        for process in processes:
            process.join()


def test_images_that_are_in_use_stay_while_their_folder_is_replaced(root: Path) -> None:
    data = folder(root)
    data.check()
    before = data.samples.read(torch.arange(8)).clone()
    (images_folder(root) / "corrupt.json").write_text("")
    read(root)
    assert torch.equal(data.samples.read(torch.arange(8)), before)
