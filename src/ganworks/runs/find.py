"""Which runs lie in a folder, and which of them a few words mean."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ganworks.errors import SettingError
from ganworks.report.record import is_run

COPIES = (
    "mlartifacts",
    "wandb",
)  # where trackers keep what they were given, a run's own config.yaml for instance
STUDIES = "tune"  # the folder of searches, whose trials are runs too: listed only where they are asked for
FILES = ("metrics.csv", "train.log", "summary.json", "config.yaml")  # that a run writes while it goes on


def runs_below(folder: Path) -> list[Path]:
    """Return the run directories in ``folder`` and below it, the one that was written to last first.

    Links are followed, each folder is looked into once. Trials of searches, in the folder ``tune`` of ``folder``, are
    left out, and so are the files of trackers and whatever lies within a run.
    """
    return sorted(walk(folder, folder / STUDIES, set()), key=lambda path: (-last_written(path), str(path)))


def walk(folder: Path, left_out: Path, known: set[str]) -> Iterator[Path]:
    """Yield the run directories in ``folder``, none twice; ``known`` holds the folders so far."""
    real = os.path.realpath(folder)
    if real in known or folder == left_out:
        return
    known.add(real)
    if is_run(folder):
        yield folder
        return
    try:
        below = sorted(path for path in folder.iterdir() if path.is_dir() and path.name not in COPIES)
    except OSError:  # not for us to read
        return
    for path in below:
        yield from walk(path, left_out, known)


def last_written(run_dir: Path) -> float:
    """Return when a run last wrote to one of its files, in seconds since 1970; 0 where it has none."""
    return max(((run_dir / name).stat().st_mtime for name in FILES if (run_dir / name).is_file()), default=0)


def located(words: str, folder: Path) -> list[Path]:
    """Return the runs that ``words`` mean, the one that was written to last first.

    Args:
        words: a run directory, a folder of runs, or part of the path of runs below ``folder``: a name
            (``digits_dcgan``), or a date and time (``2026-11-23_18-41-02``).
        folder: where runs lie.

    Raises:
        SettingError: there is no such run.
    """
    path = Path(words).expanduser()
    if path.is_dir():
        return runs_below(path) or refuse(words, [])
    runs = runs_below(folder)
    found = [run for run in runs if has_parts(run.relative_to(folder).parts, path.parts)]
    return found or refuse(words, [str(run.relative_to(folder)) for run in runs])


def has_parts(path: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """Say whether ``parts`` follow each other in ``path``.

    >>> has_parts(("digits", "2026", "0"), ("2026", "0")), has_parts(("digits", "2026"), ("dig",))
    (True, False)
    """
    return any(path[start : start + len(parts)] == parts for start in range(len(path))) and bool(parts)


def refuse(words: str, names: list[str]) -> list[Path]:
    """Raise `SettingError` for what is no run, with the nearest of ``names``."""
    choices = [*names, *(part for name in names for part in Path(name).parts)]
    allowed = "a run directory, a folder of runs, or part of the path of a run"
    raise SettingError("run", words, allowed, choices)
