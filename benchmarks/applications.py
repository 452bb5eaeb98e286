"""The figures of every application over seeds, by the real commands, with its floor and its baselines in one table.

    python benchmarks/applications.py [--only superres words] [--seeds 5] [--processes 2] [--runs FOLDER]

Each run is a process of its own with its CPU seconds (start and final figures included); a run that FOLDER holds
already, finished, is not repeated. A line that only measures differently, such as another temperature, measures the
runs of its line again with `evaluate.py`. The tables are in Markdown, as the pages of docs/ have them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Application:
    """What is trained for one table.

    Args:
        figures: the columns.
        lines: the trained rows, name -> overrides of train.py.
        again: rows that measure the runs of another line again, name -> (line, arguments of evaluate.py).
    """

    figures: tuple[str, ...]
    lines: Mapping[str, Sequence[str]]
    again: Mapping[str, tuple[str, Sequence[str]]] = field(default_factory=dict)


DIGITS = ("fd_digits", "class_kept")
WORDS = ("jsd_3gram", "jsd_2gram", "length_tv", "valid", "novel", "found", "unique", "nll_test")
VIDEO = ("fvd_digits", "precision", "recall", "fd_motion", "shape_constancy", "digit_recognised")
SERIES = ("discriminative", "predictive", "autocorrelation", "marginal")
APPLICATIONS = {
    "superres": Application(
        ("fd_digits", "psnr", "ssim", "l1", "class_kept"),
        {
            "L1 and a critic": ["experiment=digits_superres"],
            "L1 alone": ["experiment=digits_superres", "task.phases.reconstruction.share=1"],
        },
    ),
    "handwriting": Application(
        DIGITS,
        {
            "without labels": ["experiment=printed_to_handwritten"],
            "with labels": ["experiment=printed_to_handwritten_labels"],
            "CycleGAN": ["experiment=printed_to_handwritten_cycle"],
            "CUT": ["experiment=printed_to_handwritten_cut"],
        },
    ),
    "video": Application(
        VIDEO,
        {
            "sprite": ["experiment=moving_digits"],
            "3-D": ["experiment=moving_digits_video3d"],
            "MoCoGAN": ["experiment=moving_digits_mocogan"],
        },
    ),
    "words": Application(
        WORDS,
        {
            "likelihood, then a game": ["experiment=words"],
            "likelihood": ["experiment=words_likelihood"],
            "a game alone": ["experiment=words_scratch"],
        },
        {
            "likelihood, temperature .8": ("likelihood", ["temperature=0.8"]),
            "likelihood, temperature .6": ("likelihood", ["temperature=0.6"]),
        },
    ),
    "series": Application(SERIES, {"GRU": ["experiment=sines"]}),
}


def call(script: str, *arguments: str) -> float:
    """Run a root script; return the CPU seconds of its processes."""
    command = [sys.executable, str(ROOT / script), *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        words = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}\n{words}")
    return usage.ru_utime + usage.ru_stime


def read(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file, {} where it is not there."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def train(run_dir: Path, overrides: Sequence[str], seed: int) -> None:
    """Train a run unless it is there, finished; note its CPU seconds beside it."""
    if read(run_dir / "summary.json").get("status") == "finished":
        return
    seconds = call("train.py", *overrides, f"seed={seed}", f"hydra.run.dir={run_dir}")
    (run_dir / "cost.json").write_text(json.dumps({"cpu_seconds": seconds}), encoding="utf-8")


def measure_again(run_dir: Path, name: str, arguments: Sequence[str]) -> None:
    """Measure a run under other settings, once."""
    out = run_dir / f"{name.replace(' ', '_')}.json"
    if not out.is_file():
        call("evaluate.py", f"run={run_dir}", f"out={out}", *arguments)


def run_dir_of(folder: Path, application: str, line: str, seed: int) -> Path:
    """Return where a run of a line lies."""
    return folder / application / line.replace(" ", "_") / f"seed_{seed}"


def rows_of(name: str, folder: Path, seeds: Sequence[int]) -> Iterator[list[str]]:
    """Yield the rows of one table: trained lines, lines measured again, baselines, real data."""
    application = APPLICATIONS[name]
    summaries: dict[str, list[dict[str, Any]]] = {}
    for line in application.lines:
        dirs = [run_dir_of(folder, name, line, seed) for seed in seeds]
        summaries[line] = [read(run_dir / "summary.json") for run_dir in dirs]
        costs = [read(run_dir / "cost.json").get("cpu_seconds", float("nan")) for run_dir in dirs]
        values = [summary["metrics"] for summary in summaries[line]]
        yield [line, *cells(values, application.figures), f"{statistics.fmean(costs):.0f}"]
    for row, (line, _) in application.again.items():
        dirs = [run_dir_of(folder, name, line, seed) for seed in seeds]
        values = [read(run_dir / f"{row.replace(' ', '_')}.json")["values"] for run_dir in dirs]
        yield [row, *cells(values, application.figures), ""]
    first = summaries[next(iter(summaries))][0]
    for line, figures in {**first.get("baselines", {}), "real data": first["floor"]}.items():
        yield [line, *cells([figures], application.figures), ""]


def cells(values: Sequence[Mapping[str, float]], figures: Sequence[str]) -> list[str]:
    """Return mean and deviation of each figure over runs; empty where they do not have it."""
    texts = []
    for figure in figures:
        there = [value[figure] for value in values if value.get(figure) is not None]
        spread = f" ± {statistics.stdev(there):.2g}" if len(there) > 1 else ""
        texts.append(f"{statistics.fmean(there):.3g}{spread}" if there else "")
    return texts


def table(name: str, folder: Path, seeds: Sequence[int]) -> str:
    """Return the table of an application in Markdown."""
    heads = [f"{name}, {len(seeds)} seeds", *APPLICATIONS[name].figures, "CPU s"]
    rows = [heads, ["---"] * len(heads), *rows_of(name, folder, seeds)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=APPLICATIONS, default=list(APPLICATIONS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark"))
    arguments = parser.parse_args()
    seeds, folder = range(arguments.seeds), arguments.runs.absolute()
    trained = [
        (run_dir_of(folder, name, line, seed), overrides, seed)
        for name in arguments.only
        for line, overrides in APPLICATIONS[name].lines.items()
        for seed in seeds
    ]
    measured = [
        (run_dir_of(folder, name, line, seed), row, settings)
        for name in arguments.only
        for row, (line, settings) in APPLICATIONS[name].again.items()
        for seed in seeds
    ]
    with ThreadPoolExecutor(arguments.processes) as pool, Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("runs", total=len(trained) + len(measured))
        for function, works in ((train, trained), (measure_again, measured)):
            for _ in pool.map(lambda work, function=function: function(*work), works):
                progress.advance(bar)
    for name in arguments.only:
        print(f"\n{table(name, folder, seeds)}")


if __name__ == "__main__":
    main()
