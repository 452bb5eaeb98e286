"""The one way a file is written: beside its place under another name, complete, and renamed."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LEFTOVER = re.compile(r"\..+\.[0-9a-f]{12}\.staged(\.\w+)?")


@contextmanager
def staged(path: str | Path) -> Iterator[Path]:
    """Yield a file to write in place of ``path``; it takes that name when the block ends without an error.

    It lies in the same folder, for a rename across file systems is a copy, and has the same suffix. Whatever happens
    meanwhile, ``path`` holds what it held before or all that is new, after a power failure too. Permissions are those
    that `open` would give, whatever the library that writes thinks of them.

    Raises:
        OSError: it can't be written; its ``filename`` is ``path``, and nothing of it stays.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.staged{path.suffix}")
    try:
        temporary.touch(exist_ok=False)
        mode = stat.S_IMODE(temporary.stat().st_mode)
        yield temporary
        with suppress(OSError):  # some mounts have no permissions
            temporary.chmod(mode)
        flush(temporary)
        temporary.replace(path)
        flush(path.parent)
    except OSError as error:
        if error.errno is None:  # not of the system
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path``, complete or not at all; see `staged`."""
    with staged(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def flush(path: Path) -> None:
    """Have the disk keep what was written to a file, or renamed in a folder."""
    if os.name != "posix" and path.is_dir():  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError:
        if not path.is_dir():  # some network file systems have no fsync of folders
            raise
    finally:
        os.close(descriptor)


def remove_leftovers(*folders: Path) -> list[Path]:
    """Remove what a killed process left staged in ``folders``, not below them; return what that was."""
    leftovers = [
        path
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if LEFTOVER.fullmatch(path.name)
    ]
    for path in leftovers:
        path.unlink(missing_ok=True)
    return leftovers
