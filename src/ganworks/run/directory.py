"""The directory of a run: its name, which run it belongs to, and what goes when none came of it. Light to import."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath, PureWindowsPath

from ganworks.errors import GanworksError, SettingError
from ganworks.run.label import plain, title
from ganworks.staged import remove_leftovers

BEGINNINGS = ("config.yaml", "train.log", "summary.json", "report.html")
LOCK = ".lock"  # of a run directory, on Windows
FOLDERS = ("", "checkpoints", "generator", "samples")  # of a run directory, that files are written to
NAME = "a word, or words with / between them: the run directory is runs/<name>/<date and time>"
_claimed: list[tuple[Path, Path]] = []  # (directory, paths.runs) of this process
_held: set[int] = set()  # descriptors of directories that this process keeps to itself


def check_name(name: object) -> str:
    """Return ``name`` if run directories of that name lie below `paths.runs`; raise `SettingError` otherwise."""
    text = str("" if name is None else name).strip()
    forms = (PurePosixPath(text), PureWindowsPath(text))  # a run of one system may be named on the other
    if not forms[0].parts or any(".." in form.parts or form.anchor for form in forms):
        raise SettingError("name", name, NAME)
    return text


def claim(runs: str, name: str, moment: str, below: str = "", label: str = "") -> str:
    """Make the directory of a run begun at ``moment`` and return it; no other run has it, of the same second neither.

    It is ``moment``_``label``. The second run of a second is at ``moment``-01, which sorts before the next second.

    Args:
        runs: `paths.runs`.
        name: of the run.
        moment: date and time.
        below: a folder between the name and the moment.
        label: what tells the run from others of that name; may be empty.
    """
    parent = Path(runs, check_name(name), below)
    for number in range(1000):
        path = parent / title(f"{moment}-{number:02d}" if number else moment, plain(str(label)))
        with suppress(FileExistsError):
            make(path)
            _claimed.append((path.absolute(), Path(runs).absolute()))
            return str(path)
    raise GanworksError(f"{parent}: a thousand runs began at {moment}.")


def make(path: Path) -> None:
    """Make the directory ``path``, which must not be there."""
    for _ in range(10):  # another run that came to nothing may take the folder above away
        with suppress(FileNotFoundError):
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
            return path.mkdir()
    raise GanworksError(f"{path}: no directory can be made there.")


def release() -> None:
    """Remove the directories that this process has claimed and that nothing was written to."""
    while _claimed:
        remove_if_empty(*_claimed.pop())


def remove_if_empty(run_dir: Path, runs: Path) -> None:
    """Remove a run directory that nothing was written to, and the empty folders above it that came with it.

    A folder that someone may have made stays: the working directory, and ``runs`` where it lies elsewhere.
    """
    roots = (Path.cwd(), runs.absolute())
    for folder in (run_dir.absolute(), *run_dir.absolute().parents):
        is_below = any(folder != root and folder.is_relative_to(root) for root in roots)
        if not folder.is_dir() or any(folder.iterdir()) or not (is_below or folder == run_dir.absolute()):
            return
        try:
            folder.rmdir()
        except OSError:  # another run has begun in it
            return


def remove_beginnings(run_dir: Path, others: tuple[str, ...]) -> None:
    """Remove what a run has written before its first batch, unless anything else lies beside it.

    Args:
        others: names of files that are such beginnings too.
    """
    files = [path for path in run_dir.rglob("*") if not path.is_dir()]
    summary = run_dir / "summary.json"
    has_begun = summary.exists() and "images_seen" in json.loads(summary.read_text(encoding="utf-8"))
    if has_begun or not {path.name for path in files} <= {*BEGINNINGS, *others}:
        return
    for path in files:
        path.unlink()
    with suppress(OSError):
        (run_dir / "checkpoints").rmdir()


@contextmanager
def held(run_dir: Path) -> Iterator[None]:
    """Keep ``run_dir`` to this process: two that train in one directory overwrite each other's files.

    What is half written goes, before and after.

    Raises:
        GanworksError: another process trains in it.
    """
    folders = [run_dir / name for name in FOLDERS]
    with locked(run_dir) if os.name == "posix" else locked_by_file(run_dir):
        try:
            remove_leftovers(*folders)
            yield
        finally:
            remove_leftovers(*folders)


@contextmanager
def locked(run_dir: Path) -> Iterator[None]:
    """Hold the lock of a folder, which goes with the process that holds it, however that ends."""
    import fcntl

    handle = os.open(run_dir, os.O_RDONLY)
    _held.add(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _let_go(handle)
        raise taken(run_dir) from None
    except OSError:
        pass  # a file system without locks
    try:
        yield
    finally:
        _let_go(handle)


@contextmanager
def locked_by_file(run_dir: Path) -> Iterator[None]:
    """Hold the lock of a file in the folder: Windows opens no folders."""
    from filelock import FileLock, Timeout

    file = run_dir / LOCK
    try:
        with FileLock(file, timeout=0):
            yield
    except Timeout:
        raise taken(run_dir) from None
    with suppress(OSError):  # another process has it by now
        file.unlink()


def taken(run_dir: Path) -> GanworksError:
    """Return the error about a run directory that another process trains in."""
    return GanworksError(f"{run_dir}: another process is training in this run directory.")


def _let_go(*handles: int) -> None:
    for handle in handles:
        _held.discard(handle)
        os.close(handle)


if hasattr(os, "register_at_fork"):  # a loader's process may live on for seconds when this one was killed
    os.register_at_fork(after_in_child=lambda: _let_go(*_held))
