"""What is lost when a run is killed, interrupted, or left without a disk or W&B: each is tried, resumed and compared.

Networks, optimizers and counters are compared to the bit with a run that nothing happened to, metrics.csv and the
doctor's episodes as they stand, and nothing half written may be left. Damaged files are tried by `damage.py` beside
this file, where it is there: a module with a mapping CASES of the same form.

    python benchmarks/faults.py [--kills N] [--only NAME ...]      some 10 minutes for 10 kills, on two cores
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from fault_cases import CASES
from rich.console import Console
from rich.table import Table


def main() -> int:
    """Try all, print a table; return 1 where anything was lost."""
    cases = dict(CASES)
    if find_spec("damage") is not None:
        cases.update(import_module("damage").CASES)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=10, help="how many runs are killed at random moments")
    parser.add_argument("--only", nargs="+", choices=list(cases), help="which cases")
    arguments = parser.parse_args()
    table, num_lost = Table(title="faults", title_justify="left"), 0
    for name in ("tried", "lost"):
        table.add_column(name, overflow="fold")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only or cases:
            place = Path(folder, name)
            place.mkdir()
            start = time.monotonic()
            for tried, what in cases[name](place, arguments.kills):
                sys.stderr.write(f"{time.monotonic() - start:6.0f} s  {tried}: {what or 'nothing'}\n")
                table.add_row(tried, what or "nothing")
                num_lost += bool(what) and not what.startswith("not tried")
    Console().print(table)
    print(f"{table.row_count} tried, {num_lost} with a loss")
    return 1 if num_lost else 0


if __name__ == "__main__":
    sys.exit(main())
