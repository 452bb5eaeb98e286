"""Ways of conditioning on the digits, each run by the real command: who keeps to the classes, at which quality.

    python benchmarks/conditioning.py [--only projection contrastive] [--seeds 0 1 2] [--runs FOLDER] [--out FILE]

All runs are `experiment=digits_conditional` at `NUM_IMAGES` images, one thread each, and differ in the overrides of
`WAYS` alone. Each is a process of its own; a run that FOLDER holds already, finished, is not repeated, and the table
is written anew from all runs that are there. Seconds are CPU seconds, start and final figures included.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from applications import ROOT, read, train

NUM_IMAGES = 240_000
RECOGNISED = "metric.measure.recognised"
SETTINGS = (
    "experiment=digits_conditional",
    f"num_images={NUM_IMAGES}",
    "metric.every_images=120_000",
    "~callback.report",
)
METRIC = (
    "metric=[digits,digits_classes]",
    f"+{RECOGNISED}._target_=ganworks.metric.Recognised",
    f"+{RECOGNISED}.extractor=digits",
)
WAYS: dict[str, Sequence[str]] = {
    "none": ["model.conditional=false", "metric=digits"],
    "projection": METRIC,
    "auxiliary_classifier": ["regularizer=[r1,auxiliary_classifier]", *METRIC],
    "contrastive": ["regularizer=[r1,contrastive]", *METRIC],
    "d2d_ce": ["regularizer=[r1,d2d_ce]", *METRIC],
    "unconditional_classifier": ["regularizer=[r1,unconditional_classifier]", *METRIC],
    "multi_hinge": ["loss=multi_hinge", *METRIC],
    "projection and auxiliary_classifier": [
        "regularizer=[r1,auxiliary_classifier]",
        "model.discriminator.num_classes=10",
        *METRIC,
    ],
}
FIGURES = {
    "recognised": "recognised",
    "intra_fd_digits": "`intra_fd_digits`",
    "fd_digits": "`fd_digits`",
    "coverage": "coverage",
    "class_accuracy": "D's accuracy",
    "seconds": "CPU s",
}
HEAD = f"""# Ways of conditioning

`python benchmarks/conditioning.py`: `experiment=digits_conditional` at {NUM_IMAGES:,} images, the generator told the
class and the discriminator conditioned in each of these ways ([options.md](../options.md#conditioning)); `none` tells
neither. *Recognised* is the share of samples that the shipped digits classifier takes for the class that they
were drawn for; *D's accuracy* is the doctor's `class_accuracy` of the discriminator on reals, the mean of the last
quarter of its looks. Lower is better for both Fréchet distances. This is a short protocol: compare the rows with each
other only. Mean and standard deviation over seeds, where there are several.

"""


def figures_of(run_dir: Path) -> dict[str, float]:
    """Return the figures of a finished run, {} of any other."""
    summary = read(run_dir / "summary.json")
    if summary.get("status") != "finished":
        return {}
    known: dict[str, float] = dict(summary["metrics"])
    cost = read(run_dir / "cost.json").get("cpu_seconds", math.nan)
    return known | {"class_accuracy": class_accuracy(run_dir), "seconds": cost}


def class_accuracy(run_dir: Path) -> float:
    """Return the discriminator's mean accuracy on reals in the last quarter of the doctor's looks, NaN without one."""
    with (run_dir / "metrics.csv").open(encoding="utf-8", newline="") as file:
        looks = [row.get("doctor/class_accuracy") for row in csv.DictReader(file)]
    values = [float(value) for value in looks if value]
    return statistics.fmean(values[-max(1, len(values) // 4) :]) if values else math.nan


def cell(values: Sequence[float]) -> str:
    """Return mean and deviation of a figure; empty where no run has it."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return ""
    deviation = f" ± {statistics.stdev(known):.2g}" if len(known) > 1 else ""
    return f"{statistics.fmean(known):.3g}{deviation}"


def rows_of(folder: Path) -> list[list[str]]:
    """Return the rows of the table: each way with all of its finished runs, then real data."""
    rows, floor = [], {}
    for way in WAYS:
        dirs = sorted(folder.glob(f"{slug(way)}/seed_*"))
        runs = [figures for run_dir in dirs if (figures := figures_of(run_dir))]
        if not runs:
            continue
        floor |= read(dirs[0] / "summary.json").get("floor", {})
        cells = [cell([run.get(name, math.nan) for run in runs]) for name in FIGURES]
        rows.append([f"`{way}`" if " " not in way else way, str(len(runs)), *cells])
    return [*rows, ["real digits", "", *(cell([floor.get(name, math.nan)]) for name in FIGURES)]]


def table(rows: Sequence[Sequence[Any]]) -> str:
    """Return rows in Markdown."""
    head = ["conditioning", "seeds", *FIGURES.values()]
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def slug(way: str) -> str:
    """Return the name of a way's folder."""
    return way.replace(" ", "_")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--runs", type=Path, default=Path("runs/conditioning"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "conditioning.md")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    for seed in arguments.seeds:
        for way in arguments.only:
            train(arguments.runs / slug(way) / f"seed_{seed}", [*SETTINGS, *WAYS[way]], seed)
            arguments.out.write_text(HEAD + table(rows_of(arguments.runs)), encoding="utf-8")
            print(f"{way}, seed {seed}: done", flush=True)
    print(arguments.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
