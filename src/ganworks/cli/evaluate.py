"""`python evaluate.py run=RUN_DIR`, or `real=FOLDER fake=FOLDER`: figures with the contract they hold under."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganworks.cli.arguments import parse
from ganworks.cli.errors import user_errors
from ganworks.evaluation.arguments import Arguments, check

if TYPE_CHECKING:
    from ganworks.metric import Result


def main() -> None:
    """Run the command."""
    with user_errors(), resumable():
        arguments, overrides = parse(Arguments, sys.argv[1:])
        check(arguments)
        begin_log()
        from ganworks.evaluation.source import read_saved

        other = read_saved(Path(arguments.against)) if arguments.against else None
        for path in (arguments.out, arguments.save_real, arguments.save_fake):
            if path:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
        figures = measured(arguments, overrides)
        if figures is None:  # the first rank has them
            return
        show(figures, other)
        if arguments.out:
            Path(arguments.out).write_text(json.dumps(asdict(figures), indent=2) + "\n", encoding="utf-8")


def begin_log() -> None:
    """Send log records to the terminal, those of the first rank alone."""
    from ganworks.run.log import (  # seconds that --help and a wrong argument spare
        is_first_rank,
        log_to_terminal,
    )

    log_to_terminal()
    if not is_first_rank():
        logging.disable(logging.WARNING)  # the first rank has the same to say


def measured(arguments: Arguments, overrides: list[str]) -> Result | None:
    """Return the figures; on several devices the first process has them."""
    from ganworks.evaluation.measuring import evaluate, of_folders, of_run
    from ganworks.evaluation.processes import processes, take_device

    take_device(arguments.devices, arguments.device)
    work = of_run(arguments, overrides) if arguments.run else of_folders(arguments, overrides)
    with processes(arguments.devices, "ganworks.cli.evaluate"):
        return evaluate(work, arguments)


@contextmanager
def resumable() -> Iterator[None]:
    """Say what an interruption costs."""
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: the same command goes on from the features that are kept.\n")
        sys.exit(130)


def show(figures: Result, other: Mapping[str, Any] | None = None) -> None:
    """Print the figures beside those of real data, baselines and another evaluation, and their contract."""
    from rich.console import Console
    from rich.table import Table

    from ganworks.metric import warn_of_differences
    from ganworks.metric.contract import contract_lines

    columns = {"value": figures.values, "deviation": figures.deviation, "held-out real data": figures.floor}
    columns |= figures.baselines
    if other is not None:
        columns["against"] = other["values"]
    there = {name: column for name, column in columns.items() if column or name != "deviation"}
    table = Table("figure")
    for column in there:
        table.add_column(column, justify="right")
    for name in figures.values:
        row = [column.get(name) for column in there.values()]
        table.add_row(name, *("·" if value is None else f"{value:.5g}" for value in row))
    console = Console()
    console.print(table)
    notes = {
        name: f"{note:.4g}" if isinstance(note, float) else note
        for name, note in figures.notes.items()
        if isinstance(note, str | int | float)
    }
    for line in (*(contract_lines(notes) if notes else ()), *contract_lines(figures.contract)):
        console.print(line, highlight=False, soft_wrap=True)
    if other is not None:
        warn_of_differences(asdict(figures), other)


if __name__ == "__main__":
    main()
