"""Errors of the machine, in words that say what to do."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch

from ganworks.errors import GanworksError
from ganworks.run.failures import explained_failures

MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried 1e12 bytes"
    ),
    MemoryError(),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
]


@pytest.mark.parametrize("error", MEMORY)
def test_no_memory_names_the_settings_that_help(error: Exception) -> None:
    with pytest.raises(GanworksError, match="out of memory") as raised, explained_failures():
        raise error
    for setting in ("data.batch_size", "task.accumulate", "model.width", "trainer.precision"):
        assert setting in str(raised.value)


def test_a_full_disk_names_the_path(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    for error in (
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError(
            "[enforce fail at inline_container.cc:664] . PytorchStreamWriter failed writing file: file write failed"
        ),
    ):
        with (
            pytest.raises(GanworksError, match=f"{tmp_path}: No space left") as raised,
            explained_failures(tmp_path),
        ):
            raise error
        assert "MB are free" in str(raised.value)


def test_a_run_directory_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(GanworksError, match="is gone"), explained_failures(tmp_path / "run"):
        raise FileNotFoundError(
            errno.ENOENT, "No such file or directory", str(tmp_path / "run" / "metrics.csv")
        )


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), ValueError("x"), FileNotFoundError(2, "none", "a.png")]
)
def test_other_errors_pass_as_they_are(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as raised, explained_failures(tmp_path):
        raise error
    assert raised.value is error
