"""Trials an hour of one worker and of two, on the same trials.

    python benchmarks/workers.py [--workers 2] [--trials 12] [--rounds 2]

Both sides are the whole command `tune.py tune=digits_lr` with random points, no pruning and one thread a process; the
points depend on the seed alone, so both train the same runs. One side after the other, so many rounds. Counted from
the start of the first trial to the end of the last: what the command takes to begin and to write its page is left
out, what workers wait for each other is not.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import optuna
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
TRIAL = ["num_images=36_000", "model.width=16", "~callback.report", "callback.sample_grid.every_images=null",
         "callback.checkpoint.every_images=null"]  # fmt: skip
SEARCH = ["tune=digits_lr", "sampler=random", "pruner=none", "evaluations=1", "~enqueue", "top_k=0"]


def trials_an_hour(num_workers: int, num_trials: int) -> float:
    """Return what a search of ``num_trials`` makes of an hour."""
    with tempfile.TemporaryDirectory() as folder:
        counts = [f"workers={num_workers}", f"num_trials={num_trials}", f"paths.runs={folder}"]
        subprocess.run(
            [sys.executable, str(ROOT / "tune.py"), *SEARCH, *counts, *TRIAL],
            cwd=folder,  # where no recipe of this repository is written
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        storage = f"sqlite:///{Path(folder) / 'tune' / 'digits_lr' / 'study.db'}"
        trials = optuna.load_study(study_name="digits_lr", storage=storage).trials
    start = min(trial.datetime_start for trial in trials)
    end = max(trial.datetime_complete for trial in trials)
    return 3600 * len(trials) / (end - start).total_seconds()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    table = Table(title=f"Trials an hour, {os.cpu_count()} cores", title_justify="left")
    for column in ("round", "1 worker", f"{arguments.workers} workers", "ratio"):
        table.add_column(column, justify="right")
    ratios = []
    for number in range(arguments.rounds):
        one, several = (trials_an_hour(n, arguments.trials) for n in (1, arguments.workers))
        ratios.append(several / one)
        table.add_row(str(number), f"{one:.0f}", f"{several:.0f}", f"{several / one:.2f}")
    table.add_section()
    table.add_row("median", "", "", f"{statistics.median(ratios):.2f}")
    Console(width=80).print(table)


if __name__ == "__main__":
    main()
