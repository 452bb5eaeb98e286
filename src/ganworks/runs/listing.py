"""`list`: the runs of a folder, one a line, and the same as a CSV file."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ganworks.bar import Bar
from ganworks.errors import SettingError, check_choice
from ganworks.report.words import TONES
from ganworks.runs.find import runs_below
from ganworks.runs.overview import DAMAGED, Overview, common, in_short, overview
from ganworks.staged import staged
from ganworks.words import relative_path

SORTS = ("newest", "best", "images", "name")
STATUSES = ("finished", "running", "silent", "stopped", "interrupted", "diverged", "failed", DAMAGED)
STYLES = {"good": "green", "bad": "red", "warning-text": "yellow"}
IN_A_PIPE = 240  # letters of a line where no terminal says how many it has


def matching(folder: Path, statuses: Sequence[str] = (), pattern: str | None = None) -> list[Overview]:
    """Return the runs below ``folder`` with one of ``statuses`` and a path like ``pattern``; all of them without.

    Raises:
        SettingError: a status that there is not, or a folder that is not there.
    """
    for name in statuses:
        check_choice("status", name, STATUSES)
    if not folder.is_dir():
        raise SettingError("folder", folder, "a folder of runs that is there")
    found = []
    paths = runs_below(folder)
    with Bar("Reading the runs", len(paths)) as bar:
        for path in paths:
            name = path.relative_to(folder).as_posix() if path != folder else path.name
            if pattern is None or fnmatch(name, pattern) or fnmatch(name, f"{pattern}/*"):
                found.append(overview(path, name))
            bar.advance()
    return [run for run in found if not statuses or run.status.partition(" ")[0] in statuses]


def ordered(runs: list[Overview], sort: str) -> list[Overview]:
    """Return runs in the order ``sort``; those with the same figure stand together under "best"."""
    check_choice("sort", sort, SORTS)
    if sort == "name":
        return sorted(runs, key=lambda run: run.name)
    if sort == "images":
        return sorted(runs, key=lambda run: -run.record.images_seen)
    if sort == "newest":
        return runs
    high = {run.metric for run in runs if run.is_low is False}  # one run that tells is enough
    sign = {run.metric: -1.0 if run.metric in high else 1.0 for run in runs}
    measured = [run for run in runs if run.value is not None]
    measured.sort(key=lambda run: (run.metric, sign[run.metric] * (run.value or 0.0)))
    return measured + [run for run in runs if run.value is None]


def show(runs: Sequence[Overview], folder: Path, num: int, console: Console | None = None) -> None:
    """Print a table of the first ``num`` runs; what all of them have set alike stands once, below it."""
    console = console or console_of(sys.stdout.isatty())
    if not runs:
        console.print(f"{relative_path(folder)}: no runs.", highlight=False)
        return
    for run in runs[:num]:
        run.read_settings()
    alike = common(runs[:num])
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("run", "status", "images", "best figure", "differs from the default"):
        table.add_column(name, overflow="fold", no_wrap=name == "status")
    room = max(40, 2 * (console.width - 86))
    for run in runs[:num]:
        style = STYLES.get(TONES.get(run.status, ""), "red" if run.status == DAMAGED else "")
        words = escape(in_short(run.differs, alike, room))
        table.add_row(escape(run.name), Text(run.status, style), run.images, escape(run.figure), words)
    console.print(table)
    if alike:
        words = in_short(run.differs, set(run.differs) - alike, room=400)
        console.print(f"\nall of them: {escape(words)}", style="dim", highlight=False)
    if len(runs) > num:
        console.print(f"\n{len(runs) - num} more: num={len(runs)}", highlight=False)


def write_csv(runs: Sequence[Overview], path: Path) -> None:
    """Write a row a run: what the table has, and a column for each setting that is not the default in some run."""
    for run in runs:
        run.read_settings()
    names = dict.fromkeys(name for run in runs for name, _ in run.differs)
    columns = ["run", "path", "status", "images_seen", "metric", "value", "at", *names]
    with staged(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for run in runs:
            own = {"run": run.name, "path": run.record.path, "status": run.status, "metric": run.metric}
            own |= {"images_seen": run.record.images_seen, "value": run.value, "at": run.at}
            writer.writerow({**own, **dict(run.differs)})


def console_of(is_terminal: bool) -> Console:
    """Return the console to print to; in a pipe lines are long, so that each run is one."""
    return Console(file=sys.stdout, width=None if is_terminal else IN_A_PIPE)
