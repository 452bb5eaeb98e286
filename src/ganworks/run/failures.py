"""What the machine or Lightning refuses a run, in words that say what to do: memory, the disk, a setting."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytorch_lightning.utilities.exceptions import MisconfigurationException

from ganworks.errors import GanworksError

MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
WRITING = ("file write failed", "unexpected pos", "no space left")  # of torch.save, which names no path
SMALLER = (
    "Settings that need less: data.batch_size, or task.accumulate=2, which takes a batch in two parts;"
    " model.width; on a GPU trainer.precision=bf16-mixed"
)


@contextmanager
def explained_failures(run_dir: Path | None = None) -> Iterator[None]:
    """Raise `GanworksError` for what is no fault of the program: no memory, no disk, a trainer that refuses.

    Args:
        run_dir: which errors of the disk are about where they name no path; None before anything is written.
    """
    try:
        yield
    except MisconfigurationException as error:
        raise GanworksError(f"the trainer refuses its settings: {' '.join(str(error).split())}") from error
    except (MemoryError, RuntimeError, OSError) as error:
        words = memory_words(error) or loader_words(error) or (run_dir and disk_words(error, run_dir))
        if words is None:
            raise
        raise GanworksError(words) from error


def memory_words(error: BaseException) -> str | None:
    """Return what to do where memory ran out; None where ``error`` is about something else."""
    text = str(error)
    is_memory = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
    if not is_memory and not (
        isinstance(error, RuntimeError) and any(words in text.lower() for words in MEMORY)
    ):
        return None
    first = text.splitlines()[0].strip() if text.strip() else type(error).__name__
    return f"out of memory: {first.rstrip('.')}.\n{SMALLER}."


def loader_words(error: BaseException) -> str | None:
    """Return what to do where a process of the data loader was killed; None for other errors."""
    if not isinstance(error, RuntimeError) or not re.search(
        r"DataLoader worker .*(killed|exited)", str(error)
    ):
        return None
    return (
        "a process of the data loader was killed; where nobody did so, the machine ran out of memory. Settings that"
        " need less: data.num_workers, data.batch_size."
    )


def disk_words(error: BaseException, run_dir: Path) -> str | None:
    """Return which place could not be written to and why; None where ``error`` is about something else."""
    is_writing = isinstance(error, RuntimeError) and any(words in str(error).lower() for words in WRITING)
    if not is_writing and not isinstance(error, OSError):
        return None
    named = getattr(error, "filename", None)
    is_about_run = named is None or Path(str(named)).is_relative_to(run_dir)
    if is_about_run and not (run_dir / "config.yaml").exists():  # some writers make the folder anew
        return f"{run_dir}: the run directory is gone; it was removed or moved while the run was in it."
    if is_writing or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(run_dir).free / 1e6
        path = getattr(error, "filename2", None) or named or run_dir
        return f"{path}: {os.strerror(errno.ENOSPC)} ({free:,.1f} MB are free there)."
    if isinstance(error, OSError) and error.errno is not None and error.filename is None:
        return f"{run_dir}: {error.strerror}."
    return None
