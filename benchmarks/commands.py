"""Seconds and peak memory of the commands' starts: what each imports before it does anything, by what it is asked for.

    python benchmarks/commands.py [--repeats 5] [--against CHECKOUT]

Every repetition starts each command anew, on this checkout and on that of ``--against``, in turns. The table shows
medians: CPU time of the process, which a busy machine disturbs less than the clock, and its peak memory. Each checkout
first trains the run that is drawn from and reported on.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parents[1]
COMMANDS = {
    "train.py dry_run=true": ["train.py", "dry_run=true"],
    "train.py data=ring dry_run=true": ["train.py", "data=ring", "dry_run=true"],
    "sample.py run=RUN": ["sample.py", "run=run", "num=4", "out=samples.png"],
    "python -m ganworks.report RUN": ["-m", "ganworks.report", "run"],
    "evaluate.py --help": ["evaluate.py", "--help"],
    "importing torch alone": ["-c", "import torch"],
    "importing torch, Lightning and Hydra alone": ["-c", "import hydra, torch, pytorch_lightning"],
}
RUN = ["train.py", "data=ring", "trainer=cpu", "num_images=2048", "hydra.run.dir=run"]


def start(checkout: Path, command: list[str], folder: Path) -> tuple[float, float]:
    """Run Python with ``command`` of a checkout in ``folder``; return its CPU seconds and peak MB."""
    script = [str(checkout / command[0])] if command[0].endswith(".py") else [command[0]]
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, *script, *command[1:]], cwd=folder, env=environment, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            output.seek(0)
            sys.exit(output.read().decode())
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measured(checkouts: list[Path], repeats: int) -> dict[tuple[str, Path], list[tuple[float, float]]]:
    """Return what each command took in each repetition, by command and checkout."""
    costs: dict[tuple[str, Path], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as parent:
        folders = {checkout: Path(parent) / str(index) for index, checkout in enumerate(checkouts)}
        for checkout, folder in folders.items():
            folder.mkdir()
            start(checkout, RUN, folder)
        for _ in range(repeats):
            for name, command in COMMANDS.items():
                for checkout, folder in folders.items():
                    costs.setdefault((name, checkout), []).append(start(checkout, command, folder))
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--against", type=Path, help="another checkout of ganworks")
    arguments = parser.parse_args()
    checkouts = {"here": HERE, **({"against": arguments.against.absolute()} if arguments.against else {})}
    costs = measured(list(checkouts.values()), arguments.repeats)
    table = Table("start")
    for name in checkouts:
        for unit in ("CPU s", "MB"):
            table.add_column(f"{unit} {name}", justify="right")
    for command in COMMANDS:
        cells = []
        for checkout in checkouts.values():
            cpu, memory = (statistics.median(cost) for cost in zip(*costs[command, checkout], strict=True))
            cells += [f"{cpu:.2f}", f"{memory:.0f}"]
        table.add_row(command, *cells)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
