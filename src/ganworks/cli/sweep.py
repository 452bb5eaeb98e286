"""The jobs of a sweep in this process: one that fails does not keep the others from running, and the end says which."""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganworks.errors import GanworksError

if TYPE_CHECKING:
    from ganworks.run.fit import Outcome

FAILED = "failed"


@dataclass(frozen=True)
class Job:
    """One job: what it was given, how it ended, its metric's last value."""

    number: int
    overrides: Sequence[str]
    status: str
    value: float | None = None


class Sweep:
    """The jobs so far.

    Attributes:
        jobs: in their order.
    """

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def run(self, number: int, overrides: Sequence[str], start: Callable[[], Outcome]) -> Outcome | None:
        """Run a job; return how it ended, or None where it failed, which is printed."""
        try:
            outcome = start()
        except SystemExit:  # its error was told in a line
            outcome = None
        except Exception as error:
            traceback.print_exception(error)
            outcome = None
        status = FAILED if outcome is None else outcome.status
        self.jobs.append(Job(number, list(overrides), status, None if outcome is None else outcome.value))
        gc.collect()  # trainer and task hold each other, and with them memory that the next job needs
        return outcome

    def end(self) -> None:
        """Print a table of the jobs; exit with 1 where one failed. Nothing where there was no sweep here."""
        if not self.jobs:
            return
        self.show()
        failed = [job.number for job in self.jobs if job.status == FAILED]
        if failed:
            raise GanworksError(
                f"{len(failed)} of {len(self.jobs)} jobs failed: {', '.join(map(str, failed))}."
                " Their errors stand above."
            )

    def show(self) -> None:
        """Print the table: overrides, status and value of each job."""
        from rich.console import Console
        from rich.table import Table

        table = Table(title="the sweep", title_justify="left", title_style="bold")
        for name in ("job", "settings", "status", "value"):
            table.add_column(name, overflow="fold")
        same = set.intersection(*(set(job.overrides) for job in self.jobs)) if len(self.jobs) > 1 else set()
        for job in self.jobs:
            words = " ".join(override for override in job.overrides if override not in same)
            value = "" if job.value is None else f"{job.value:.4g}"
            table.add_row(str(job.number), words, job.status, value)
        Console(file=sys.stdout).print(table)
