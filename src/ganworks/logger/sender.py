"""Requests to a server, one after the other, in a thread: a run does not wait for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from ganworks.logger.waiting import ended_in_time, words_of

Work = Callable[[], object]


class Sender:
    """Do work in the order in which it was given, in a thread that ends with the process; the first error ends it.

    Args:
        failed: called once, in the thread, with what went wrong.
    """

    def __init__(self, failed: Callable[[str], None]) -> None:
        self.failed, self.has_failed = failed, False
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def do(self, work: Work) -> None:
        """Have ``work`` done after all that was given before."""
        if not self.has_failed:
            self._queue.put(work)

    def end(self, seconds: float, may_go_on: Callable[[float], bool]) -> str | None:
        """Wait until all is done; return None, or what went wrong. Arguments as for `ended_in_time`."""
        self._queue.put(None)
        return None if self.has_failed else ended_in_time(self._thread.join, seconds, may_go_on)

    def _send(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work()
            except Exception as error:
                self.has_failed = True
                return self.failed(words_of(error))
