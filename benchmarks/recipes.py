"""The figures of the experiments over seeds, each run by the real command.

    python benchmarks/recipes.py [--experiments digits_dcgan digits_r3gan grid_r3gan] [--seeds 5] [--runs FOLDER]

Each run is a process of its own; a run that FOLDER holds already, finished, is not repeated. The table shows every
seed and the mean, from the runs' summary.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

COLUMNS = {
    "digits": ("fd_digits", "coverage", "recall", "class_ratio", "memorised"),
    "grid": ("modes", "high_quality", "reverse_kl"),
}


def run(experiment: str, seed: int, folder: Path) -> dict[str, Any]:
    """Return the summary of one run, training it where it is missing."""
    run_dir = folder / experiment / f"seed_{seed}"
    summary = run_dir / "summary.json"
    if not summary.exists() or json.loads(summary.read_text(encoding="utf-8"))["status"] != "finished":
        script = Path(__file__).parents[1] / "train.py"
        arguments = [f"experiment={experiment}", f"seed={seed}", f"hydra.run.dir={run_dir}"]
        subprocess.run([sys.executable, str(script), *arguments], check=True, stdout=subprocess.DEVNULL)
    return json.loads(summary.read_text(encoding="utf-8"))


def table_of(experiment: str, summaries: list[dict[str, Any]]) -> Table:
    """Return the table of one experiment: a row a seed, and the mean."""
    names = COLUMNS[experiment.partition("_")[0]]
    floor = summaries[0]["floor"]
    table = Table(title=f"{experiment}, {summaries[0]['images_seen']:,} images", title_justify="left")
    for column in ("seed", *names, "seconds", "MB"):
        table.add_column(column, justify="right")
    rows = [[*(s["metrics"][name] for name in names), s["seconds"], s["peak_memory_mb"]] for s in summaries]
    for summary, row in zip(summaries, rows, strict=True):
        table.add_row(str(summary["seed"]), *(f"{value:.4g}" for value in row))
    table.add_section()
    table.add_row("mean", *(f"{statistics.mean(column):.4g}" for column in zip(*rows, strict=True)))
    table.add_row("real", *(f"{floor[name]:.4g}" if name in floor else "" for name in names), "", "")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--experiments", nargs="+", default=["digits_dcgan", "digits_r3gan", "grid_r3gan"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark"))
    arguments = parser.parse_args()
    console = Console(width=110)
    for experiment in arguments.experiments:
        seeds = track(range(arguments.seeds), description=experiment, console=console)
        console.print(table_of(experiment, [run(experiment, seed, arguments.runs) for seed in seeds]))


if __name__ == "__main__":
    main()
