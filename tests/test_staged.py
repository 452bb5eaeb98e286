"""A file is written whole or not at all, and readable as files are."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from ganworks.digest import load_tensors, save_tensors, write_checkpoint
from ganworks.staged import remove_leftovers, staged, write_text

WRITERS = {
    "text": lambda path: write_text(path, "x" * 100_000),
    "tensors": lambda path: save_tensors({"a": torch.zeros(25_000)}, path),
    "checkpoint": lambda path: staged_checkpoint(path),
}
every_writer = pytest.mark.parametrize("writer", WRITERS)


def staged_checkpoint(path: Path) -> None:
    with staged(path) as temporary:
        write_checkpoint({"a": torch.zeros(25_000)}, temporary)


@contextmanager
def file_size_at_most(num_bytes: int) -> Iterator[None]:
    """Let every write fail past so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@every_writer
def test_a_disk_that_is_full_leaves_what_was_there_and_the_error_names_the_file(
    tmp_path: Path, writer: str
) -> None:
    path = tmp_path / "file.bin"
    path.write_text("before")
    with file_size_at_most(10_000), pytest.raises(OSError, match="File too large") as caught:
        WRITERS[writer](path)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@every_writer
@pytest.mark.parametrize("umask", [0o022, 0o027, 0o002])
def test_permissions_follow_the_umask(tmp_path: Path, writer: str, umask: int) -> None:
    path, before = tmp_path / "file.bin", os.umask(umask)
    try:
        WRITERS[writer](path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_an_error_of_any_kind_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), staged(tmp_path / "a.txt") as temporary:
        temporary.write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path: Path) -> None:
    names = [
        "last.ckpt",
        ".hidden",
        ".last.staged.ckpt",
        ".tmp.png",
        "last.tmp",
        ".a.0123456789ab.staged.d.e",
    ]
    for name in names:
        (tmp_path / name).touch()
    if os.fork() == 0:
        with staged(tmp_path / "last.ckpt"):
            os._exit(0)
    os.wait()
    (left,) = [path for path in tmp_path.iterdir() if path.name not in names]
    assert remove_leftovers(tmp_path, tmp_path / "not there") == [left]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_tensors_come_back_and_their_file_is_one_that_others_read(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    tensors = {"a": torch.randn(3, 4), "b": torch.tensor(7), "c": torch.zeros(0, 2, dtype=torch.float16)}
    save_tensors(tensors, tmp_path / "a.safetensors")
    for found in (load_tensors(tmp_path / "a.safetensors"), load_file(tmp_path / "a.safetensors")):
        assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
