"""The command of a bench: which rows and seeds, how many at a time, where the runs and the page go."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ganworks.errors import GanworksError, check_count, check_range


def main(
    description: str | None,
    benches: Sequence,
    arguments: Sequence[str] | None = None,
    minutes: float | None = None,
) -> None:
    """Train what is missing of the benches and write their pages; a mistake in the settings ends with one line.

    Args:
        arguments: of the command; None takes those that the process was given.
        minutes: of the option --minutes, which the caller has read; None where there is none.
    """
    argv = sys.argv[1:] if arguments is None else list(arguments)
    options = parser(description, benches)
    if minutes is not None:
        options.add_argument("--minutes", type=float, help="of CPU time, of each run")
    chosen = options.parse_args(argv)
    # Both are read when torch starts: one thread a run, whatever the machine has.
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
    console = Console()
    try:
        for bench in benches:
            if chosen.bench is None or bench.name in chosen.bench:
                print(
                    run(bench, chosen, command_line(argv), console)
                )  # not by rich, which takes [r1] for a style
    except GanworksError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted: the same command goes on from the runs that have ended.")


def parser(description: str | None, benches: Sequence) -> argparse.ArgumentParser:
    """Return the options that all benches have."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [bench.name for bench in benches]
    options.add_argument("--bench", nargs="+", choices=names, help="of several tables, these alone")
    options.add_argument("--rows", nargs="+", metavar="NAME", help="these rows alone")
    options.add_argument("--seeds", type=int, help="how many, from 0 on")
    options.add_argument("--workers", type=int, default=1, help="runs at a time, each with one thread")
    options.add_argument("--share", type=float, default=1.0, help="of the images, for a first look")
    options.add_argument("--runs", type=Path, default=Path("runs/benchmark"), help="where the runs go")
    options.add_argument("--out", type=Path, help="where the page goes; docs/benchmarks for whole tables")
    options.add_argument("--page", action="store_true", help="write the page of the runs that are there")
    options.add_argument("--list", action="store_true", help="print the rows and their settings")
    return options


def run(bench, chosen: argparse.Namespace, command: str, console: Console) -> str:
    """Train one bench and write its page; return what to print."""
    from lab.page import write_page  # seconds of imports that --help and a wrong option spare
    from lab.train import jobs_of, train_all

    check_range("share", chosen.share, 1e-6, 1.0)
    seeds = range(check_count("seeds", bench.seeds if chosen.seeds is None else chosen.seeds))
    rows = bench.chosen(chosen.rows)
    if chosen.list:
        return "\n".join(f"{row.name}: {' '.join(bench.overrides(row, 0))}" for row in rows)
    jobs = jobs_of(bench, rows, seeds, chosen.runs, chosen.share)
    if not chosen.page:
        train_all(jobs, check_count("workers", chosen.workers), console)
    is_whole = chosen.share == 1 and chosen.rows is None
    docs = Path(__file__).parents[2] / "docs" / "benchmarks"
    out = chosen.out or (docs if is_whole else chosen.runs / bench.name)
    return f"{write_page(bench, rows, jobs, out, command, chosen.share)}"


def command_line(argv: Sequence[str]) -> str:
    """Return the command as a reader repeats it: without this machine's folders and number of runs at a time."""
    kept, skip = [], False
    for argument in argv:
        name = argument.partition("=")[0]
        if skip:
            skip = False
        elif name in ("--runs", "--out", "--workers"):
            skip = "=" not in argument
        elif name != "--page":
            kept.append(f"'{argument}'" if " " in argument else argument)
    return " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *kept])
