"""One training run as a process of its own: the ordinary command, watched through the files of its run directory."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganworks.logger import AXIS, read_metrics
from ganworks.run.compose import compose, primary_config, quoted
from ganworks.system import end_group, lead_a_group, start_context
from ganworks.trust import packages_of

Train = Callable[[list[str]], None]
PATIENCE = 60.0  # seconds from a request to stop until it is enforced
TAIL = 30  # lines of a log that tell why a run crashed


class TrainingProcess:
    """`python train.py` in a process that dies with its parent; a forked one finds its libraries imported.

    Args:
        run_dir: new, or one that an earlier process left behind: it is continued from its last checkpoint.
        overrides: of a new run.
        flags: ``--config-dir DIR`` where the command has it.
        train: trains as `python train.py` does with the arguments that it is given.
    """

    def __init__(self, run_dir: Path, overrides: list[str], flags: list[str], train: Train) -> None:
        self.run_dir, self.log = run_dir, run_dir.with_name(f"{run_dir.name}.log")
        self.is_resumed = (run_dir / "checkpoints" / "last.ckpt").exists()
        if self.is_resumed:
            arguments = [f"resume={run_dir}", f"trust={','.join(packages_named(overrides, flags[1:]))}"]
        else:
            shutil.rmtree(run_dir, ignore_errors=True)  # ended before its first checkpoint
            arguments = [*flags, *overrides, f"hydra.run.dir={quoted(run_dir.as_posix())}"]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = start_context("fork").Process(
            target=run_apart, args=(train, arguments, str(self.log))
        )
        self._asked_at: float | None = None

    def start(self) -> None:
        """Begin; a run that an earlier process finished needs no process."""
        if self.summary().get("status") != "finished":
            (self.run_dir / "summary.json").unlink(missing_ok=True)  # of the process before
            self._process.start()

    def wait(self, seconds: float) -> bool:
        """Wait so long for the end; say whether it has come."""
        if self._process.pid is None:
            return True
        self._process.join(seconds)
        if self._asked_at is not None and time.monotonic() - self._asked_at > PATIENCE:
            self._process.kill()
        return self._process.exitcode is not None

    def stop(self) -> None:
        """Ask the run to write its checkpoint and end."""
        if self._process.is_alive() and self._asked_at is None:
            self._asked_at = time.monotonic()
            self._process.terminate()

    def rows(self, column: str) -> list[tuple[int, float]]:
        """Return (images_seen, value) of the column of metrics.csv."""
        rows = read_metrics(self.run_dir / "metrics.csv")
        return [(int(row[AXIS]), row[column]) for row in rows if column in row]

    def summary(self) -> dict[str, Any]:
        """Return summary.json; empty where there is none."""
        path = self.run_dir / "summary.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    @property
    def error(self) -> str:
        """Why the process failed: how it ended, and the last lines that it printed."""
        lines = (
            self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        )
        errors = [line for line in lines if line.startswith("error: ")]
        code = self._process.exitcode or 0
        cause = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return "\n".join([cause, *(errors[-1:] or lines[-TAIL:])])


def run_apart(train: Train, arguments: list[str], log: str) -> None:
    """Call ``train`` with ``arguments`` in a process of its own, printing to the file ``log``."""
    lead_a_group()  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=die_with, args=(parent,), daemon=True).start()
    train(arguments)


def die_with(parent: Any) -> None:
    """End this process and those that it has started as soon as ``parent`` is gone."""
    parent.join()
    end_group()


def packages_named(overrides: list[str], folders: list[str]) -> list[str]:
    """Return the packages that a trial's own words name, which its run then may use when it is continued."""
    return packages_of(compose(overrides, primary_config(overrides), folders))


def rung(images_seen: int, every_images: int, num_images: int) -> int:
    """Return the count at which an evaluation was due that came with the batch that ended at ``images_seen``.

    >>> rung(4480, 4445, 40_000), rung(40_000, 4445, 40_000)
    (4445, 40000)
    """
    return num_images if images_seen >= num_images else images_seen // every_images * every_images


def is_number(value: float | None) -> bool:
    """Say whether a figure is there and finite."""
    return value is not None and math.isfinite(value)
