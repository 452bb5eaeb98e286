"""A console that cannot print, a closed pipe or a terminal that is gone, never ends what it tells of."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


class SoftStream:
    """A text stream that writes what the one inside can take: "?" for letters without a code, nothing once it is gone.

    Args:
        stream: the one inside.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream)

    def write(self, text: str) -> int:
        """Write ``text``, or what the stream's encoding has of it."""
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            return self.write(text.encode(encoding, "replace").decode(encoding))
        except (OSError, ValueError):
            self._give_up()
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write all ``lines``."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what was written."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._give_up()

    def _give_up(self) -> None:
        """Let what is still in the stream, and what comes, go nowhere: Python flushes it once more at its end."""
        with suppress(
            OSError, ValueError, AttributeError
        ):  # streams of tests and notebooks have no descriptor
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextmanager
def soft_console() -> Iterator[None]:
    """Let `sys.stdout` and `sys.stderr` be soft inside; descriptors that were closed lead nowhere from here on."""
    fill_closed_descriptors()
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    for name, stream in before.items():
        if stream is None:  # it was closed when Python began
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
        setattr(sys, name, stream if isinstance(stream, SoftStream) else SoftStream(stream))
    mine = {name: getattr(sys, name) for name in before}
    try:
        yield
    finally:
        for name, stream in before.items():
            mine[name].flush()
            if getattr(sys, name) is mine[name]:
                setattr(sys, name, stream)


def fill_closed_descriptors() -> None:
    """Open the null device under 0, 1 and 2 where one is closed: the next file would be taken for the console."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
