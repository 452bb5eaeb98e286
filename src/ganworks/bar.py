"""A progress bar for work that may take long: on a terminal a bar, elsewhere a line a minute."""

from __future__ import annotations

import logging
import threading
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

log = logging.getLogger(__name__)


class Rate(ProgressColumn):
    """Things a second."""

    def render(self, task: Task) -> Text:
        """Return the rate of the last half minute."""
        return Text("" if task.speed is None else f"{task.speed:,.3g}/s", style="progress.data.speed")


class Bar:
    """Shown from the second second on; a context manager.

    Args:
        description: what is done.
        total: of how many things.
        seconds: time between two lines where there is no terminal.
        enabled: whether anything is shown.
    """

    def __init__(self, description: str, total: int, seconds: float = 60, enabled: bool = True) -> None:
        words = TextColumn("{task.description}")
        columns = words, BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn()
        self.progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self.task = self.progress.add_task(description, total=total)
        self.description, self.total, self.seconds, self.done = description, total, seconds, 0
        self.is_terminal = self.progress.console.is_terminal
        self.start = time.monotonic()
        self.due = self.start + seconds if enabled and not self.is_terminal else float("inf")
        self.timer = threading.Timer(1, self.progress.start) if enabled and self.is_terminal else None

    def __enter__(self) -> Bar:
        if self.timer is not None:
            self.timer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer.join()  # it may be about to start what has to be stopped
        if self.progress.live.is_started:
            self.progress.stop()

    def advance(self, num: int = 1) -> None:
        """Count ``num`` things."""
        self.done += num
        self.progress.advance(self.task, num)
        if time.monotonic() <= self.due:
            return
        self.due = time.monotonic() + self.seconds
        rate = self.done / (time.monotonic() - self.start)
        left = (self.total - self.done) / rate
        words = f"{self.done:,} of {self.total:,}, {rate:.3g} a second, {left / 60:.0f} min left"
        log.info("%s: %s", self.description, words)
