"""A folder of files that are made once and kept: staged under another name, checked by checksums when it is opened."""

from __future__ import annotations

import json
import logging
import shutil
import stat
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from filelock import FileLock

from ganworks.staged import flush

log = logging.getLogger(__name__)

CHECKSUMS = "checksums.json"
CHUNK = 2**24  # bytes under one checksum, so that threads share a large file
NUM_THREADS = 4


def keep(folder: Path, key: str, build: Callable[[Path], None], fault: Callable[[Path], str | None]) -> Path:
    """Return the folder ``key`` in ``folder``, which ``build`` fills where it is not there or is damaged.

    A complete one is opened without a lock, and may lie where nothing can be written.

    Args:
        build: writes the files of an empty folder.
        fault: says what is wrong with a folder of an earlier state, which has no checksums; None if nothing is.

    Raises:
        OSError: the folder cannot be written.
    """
    done = folder / key
    if done.exists() and find_fault(done, fault) is None:
        return done
    folder.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(folder.stat().st_mode) & 0o666  # who may write in the folder may take the lock
    with FileLock(folder / f"{key}.lock", mode=mode):  # other processes wait for the one that builds
        if done.exists():
            if (damage := find_fault(done, fault)) is None:
                return done
            log.warning("%s is damaged (%s) and is made anew", done, damage)
        replace(done, build)
    return done


def replace(done: Path, build: Callable[[Path], None]) -> None:
    """Fill a folder beside ``done`` and rename it when it is complete and on the disk."""
    partly, old = done.with_name(f"{done.name}.partial"), done.with_name(f"{done.name}.damaged")
    for leftover in (partly, old):
        shutil.rmtree(leftover, ignore_errors=True)
    partly.mkdir()
    try:
        build(partly)
        (partly / CHECKSUMS).write_text(json.dumps(checksums(partly)), encoding="utf-8")
        for path in (*partly.iterdir(), partly):
            flush(path)
    except OSError:  # such as a full disk: what is half written must not fill it
        shutil.rmtree(partly, ignore_errors=True)
        raise
    if done.exists():
        done.rename(old)  # what maps its files still sees them
    partly.rename(done)
    flush(done.parent)
    shutil.rmtree(old, ignore_errors=True)


def find_fault(done: Path, fault: Callable[[Path], str | None]) -> str | None:
    """Return what is wrong with the files of a folder; None if nothing is."""
    try:
        if not (done / CHECKSUMS).exists():
            return fault(done)
        expected, found = json.loads((done / CHECKSUMS).read_text(encoding="utf-8")), checksums(done)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return str(error) or type(error).__name__
    if not isinstance(expected, dict):
        return f"{CHECKSUMS} has another form"
    wrong = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
    return f"{', '.join(sorted(wrong))} {'have' if len(wrong) > 1 else 'has'} changed" if wrong else None


def checksums(folder: Path) -> dict[str, Any]:
    """Return the CRC-32 of every chunk of every file but the checksums' own."""
    with ThreadPoolExecutor(NUM_THREADS) as pool:  # neither reading nor summing holds the interpreter's lock
        return {
            path.name: list(pool.map(lambda start, path=path: crc32(path, start), chunks(path)))
            for path in sorted(folder.iterdir())
            if path.name != CHECKSUMS
        }


def chunks(path: Path) -> range:
    """Return where the chunks of a file start."""
    return range(0, path.stat().st_size, CHUNK)


def crc32(path: Path, start: int) -> int:
    """Return the CRC-32 of the chunk at ``start``."""
    with path.open("rb") as file:
        file.seek(start)
        return zlib.crc32(file.read(CHUNK))
