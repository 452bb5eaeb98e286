"""A progress bar for work that may take long: on a terminal a bar, elsewhere a line a minute."""

from __future__ import annotations

import logging
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

log = logging.getLogger(__name__)


class Bar:
    """Shown from the second second on; a context manager.

    Args:
        description: what is done.
        total: of how many things.
        seconds: time between two lines where there is no terminal.
        enabled: whether anything is shown.
    """

    def __init__(self, description: str, total: int, seconds: float = 60, enabled: bool = True) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self.progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self.task = self.progress.add_task(description, total=total)
        self.description, self.total, self.seconds, self.done = description, total, seconds, 0
        self.is_terminal = self.progress.console.is_terminal
        self.due = time.monotonic() + (1 if self.is_terminal else seconds) if enabled else float("inf")

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.progress.live.is_started:
            self.progress.stop()

    def advance(self, num: int = 1) -> None:
        """Count ``num`` things."""
        self.done += num
        self.progress.advance(self.task, num)
        if time.monotonic() <= self.due:
            return
        if self.is_terminal:
            self.due = float("inf")
            self.progress.start()
        else:
            self.due = time.monotonic() + self.seconds
            log.info("%s: %s of %s", self.description, f"{self.done:,}", f"{self.total:,}")
