"""Seconds and peak memory from `python train.py` to the first batch, by part, against importing the libraries alone.

    python benchmarks/startup.py [--repeats 5] [setting=value ...]

Both sides start a new Python in every repetition, in turns. The table shows medians by the clock and by the CPU time of
the process, which a busy machine disturbs less, and the peak of its memory by the end of a part. `libraries alone` is a
Python that imports torch, pytorch_lightning and hydra and does nothing else: what no run with them can do without.
Other commands, and two checkouts side by side: benchmarks/commands.py.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table

LAUNCHED = "LAUNCHED_AT"  # environment variable: when the parent started this Python
ALONE = "import hydra, torch, pytorch_lightning"
Marks = list[tuple[str, float, float, float]]  # what has ended, seconds by the clock, CPU seconds, peak MB
Cost = tuple[float, float, float]  # seconds by the clock, CPU seconds, peak MB


def peak() -> float:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Trace(MetaPathFinder):
    """Notes when the parts of a start end."""

    def __init__(self) -> None:
        self.marks: Marks = []

    def mark(self, part: str) -> None:
        wall = time.time() - float(os.environ[LAUNCHED])
        self.marks.append((part, wall, time.process_time(), peak()))

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Find nothing; note that the import of the run's own code begins, which comes after composing."""
        if name == "ganworks.run.fit":
            self.mark("composing the configuration")

    def after(self, owner: Any, name: str, part: str) -> None:
        """Note ``part`` as ended whenever the function ``name`` of ``owner`` returns."""
        function: Callable[..., Any] = getattr(owner, name)

        def noted(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            self.mark(part)
            return result

        setattr(owner, name, noted)


def trace(arguments: list[str]) -> None:
    """Be `python train.py` with ``arguments`` until the first batch, then print the marks and end."""
    noted = Trace()
    noted.mark("Python itself")
    from hydra.core.hydra_config import HydraConfig

    from ganworks.cli import train

    noted.mark("import hydra")
    sys.meta_path.insert(0, noted)
    hydra_config = HydraConfig
    get = hydra_config.get

    def instrument() -> Any:
        """The first thing that happens once the run's own code is imported."""
        noted.mark("import torch, Lightning, ganworks")
        hydra_config.get = get
        hook(noted)
        return get()

    hydra_config.get = instrument  # type: ignore[assignment,method-assign]
    sys.argv = ["train.py", *arguments]
    train.main()


def hook(noted: Trace) -> None:
    """Note the parts of a run's beginning."""
    from ganworks.callback import Evaluation, RunSummary, SampleGrid
    from ganworks.run import build
    from ganworks.run import fit as run

    noted.after(run, "check_config", "checking the configuration")
    for name, part in {
        "build_task": "building data, metrics and networks",
        "check_optimizers": "checking shapes and optimizers",
        "strategy_of": "Lightning's own checks (a Trainer that is not used)",
    }.items():
        noted.after(build, name, part)
    noted.after(run, "build_trainer", "loggers and Trainer")
    noted.after(Evaluation, "on_fit_start", "statistics of the reals")
    noted.after(SampleGrid, "on_train_start", "first picture")

    def end(*args: object) -> NoReturn:
        noted.mark("to the first batch")
        print(json.dumps(noted.marks))
        sys.stdout.flush()
        os._exit(0)

    RunSummary.on_train_batch_start = end  # type: ignore[method-assign]


def start(*command: str) -> str:
    """Run Python with ``command``; return what it printed last."""
    environment = {**os.environ, LAUNCHED: str(time.time())}
    run = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    return run.stdout.strip().splitlines()[-1]


def alone() -> Cost:
    """Return what importing the libraries alone takes."""
    wall = time.time()
    mark = f"{ALONE}; import resource, time; usage = resource.getrusage(resource.RUSAGE_SELF)"
    cpu, memory = start("-c", f"{mark}; print(time.process_time(), usage.ru_maxrss / 1024)").split()
    return time.time() - wall, float(cpu), float(memory)


def traced(arguments: list[str]) -> dict[str, Cost]:
    """Return what every part of a start takes, in their order."""
    with tempfile.TemporaryDirectory() as folder:
        place = [f"hydra.run.dir={Path(folder) / 'run'}"]
        marks = [("", 0.0, 0.0, 0.0), *json.loads(start(__file__, "--trace", *arguments, *place))]
    parts: dict[str, Cost] = {}
    for (_, wall, cpu, _), (part, wall_after, cpu_after, memory) in pairwise(marks):
        before = parts.get(part, (0.0, 0.0, 0.0))
        parts[part] = (before[0] + wall_after - wall, before[1] + cpu_after - cpu, memory)
    return {**parts, "in all": tuple(marks[-1][1:])}


def main() -> None:
    if sys.argv[1:2] == ["--trace"]:
        return trace(sys.argv[2:])
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("settings", nargs="*", help="of train.py")
    arguments = parser.parse_args()
    settings = arguments.settings or ["trainer=cpu"]
    found: list[dict[str, Cost]] = []
    for _ in range(arguments.repeats + 1):
        found.append({**traced(settings), "libraries alone": alone()})
    table = Table(title=f"start of train.py {' '.join(settings)}", title_justify="left")
    for column in ("part", "s", "CPU s", "MB"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for part in found[-1]:  # the first repetition fills the disk's cache
        wall, cpu, memory = (statistics.median(repeat[part][i] for repeat in found[1:]) for i in range(3))
        style = "bold" if part == "in all" else ""
        table.add_row(part, f"{wall:.2f}", f"{cpu:.2f}", f"{memory:.0f}", style=style)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
