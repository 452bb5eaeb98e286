"""Servers that may be silent, and work that may never end: bounds on the time that they take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import requests

FIRST_ANSWER = 5.0  # seconds that a server may take for its first answer, of whatever kind


def answers(url: str, seconds: float) -> str | None:
    """Return why the server at ``url`` can't be had, or None where it answers within ``seconds``."""
    try:
        requests.get(url, timeout=min(seconds, FIRST_ANSWER), allow_redirects=False, stream=True).close()
    except requests.exceptions.SSLError:
        return None  # an answer: W&B knows which certificates it takes
    except requests.RequestException as error:
        if isinstance(error, requests.Timeout):
            return f"{url} does not answer within {min(seconds, FIRST_ANSWER):g} s"
        return f"{url} can't be reached"
    return None


def in_time(work: Callable[[], object], seconds: float) -> str | None:
    """Do ``work`` in a thread; return None where it ends well within ``seconds``, else what went wrong."""
    return ended_in_time(work, seconds, lambda waited: False)


def ended_in_time(
    work: Callable[[], object], seconds: float, may_go_on: Callable[[float], bool]
) -> str | None:
    """Do ``work`` in a thread; return None where it ends well, else what went wrong.

    Args:
        seconds: to wait for it.
        may_go_on: whether to wait as long again, given the seconds that were waited.
    """
    failure: list[str | None] = [None]

    def tried() -> None:
        try:
            work()
        except BaseException as error:
            failure[0] = words_of(error)

    thread, start = threading.Thread(target=tried, daemon=True), time.monotonic()
    thread.start()
    thread.join(seconds)
    while thread.is_alive():
        if not may_go_on(time.monotonic() - start):
            return f"it did not end within {time.monotonic() - start:.2g} s"
        thread.join(max(seconds, 1.0))
    return failure[0]


def words_of(error: BaseException) -> str:
    """Return an error in one line."""
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__
