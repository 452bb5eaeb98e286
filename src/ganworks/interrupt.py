"""Signals that end a command: what they raise, and the exit code that says so. Light to import, for the first line."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # Windows has no SIGHUP


class Interrupted(BaseException):
    """A signal ended the work in hand at once.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        self.signal = signal.Signals(number)
        super().__init__(self.signal.name)


def signals_to_take() -> list[int]:
    """Return the ending signals that this process is to act on: none outside its main thread, no SIGHUP under nohup."""
    if threading.current_thread() is not threading.main_thread():
        return []  # signals belong to the main thread; a notebook's or a server's host handles them
    ignored = getattr(signal, "SIGHUP", None)
    return [n for n in ENDING if n != ignored or signal.getsignal(n) != signal.SIG_IGN]


def raise_interrupted(number: int, frame: FrameType | None) -> None:
    """Raise `Interrupted`, as a handler of signals; a second signal ends the process where it stands."""
    signal.signal(number, lambda number, frame: os._exit(128 + number))
    raise Interrupted(number)


@contextmanager
def raised_by_signals() -> Iterator[None]:
    """Let an ending signal raise `Interrupted` inside."""
    before = {number: signal.signal(number, raise_interrupted) for number in signals_to_take()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """End the process with one line and 128 + the signal where one interrupts what is done inside."""
    try:
        with raised_by_signals():
            yield
    except Interrupted as interrupted:
        for number in signals_to_take():  # one that comes while the process ends ends it
            signal.signal(number, lambda number, frame: os._exit(128 + number))
        with suppress(OSError, ValueError):  # the terminal may be gone
            sys.stderr.write(f"ended by {interrupted}\n")
        sys.exit(128 + interrupted.signal)


def signal_of(code: int | None) -> signal.Signals | None:
    """Return the ending signal that an exit code stands for (a shell's 130, `subprocess`'s -2), or None.

    >>> signal_of(130), signal_of(-15), signal_of(1)
    (<Signals.SIGINT: 2>, <Signals.SIGTERM: 15>, None)
    """
    number = -code if code is not None and code < 0 else (code or 0) - 128
    return signal.Signals(number) if number in ENDING else None


def say(words: str) -> None:
    """Print a line from a handler of signals: at once, below whatever is drawn, and never with an error."""
    with suppress(OSError):
        os.write(2, f"\n{words}\n".encode())


def _let_go() -> None:
    """Leave signals of a forked child to its parent: Ctrl-C reaches both, and SIGTERM has to end the child."""
    for number in ENDING:
        if is_ours(signal.getsignal(number)):
            signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)


def is_ours(handler: object) -> bool:
    """Say whether a handler is one of ganworks."""
    return str(getattr(handler, "__module__", "")).startswith("ganworks.")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
