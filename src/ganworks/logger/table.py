"""The table of a run's metrics.csv, for all that reads it; reading needs no library."""

from __future__ import annotations

import csv
from pathlib import Path

AXIS = "images_seen"


def read_metrics(path: str | Path) -> list[dict[str, float]]:
    """Return the rows of a metrics.csv, empty cells left out; no rows where there is no file."""
    if not Path(path).exists():
        return []
    with Path(path).open(newline="") as file:
        # A row that a crash cut off has fewer cells than the header (None) or one that is no number.
        return [
            {name: int(cell) if name == AXIS else float(cell) for name, cell in row.items() if cell}
            for row in csv.DictReader(file)
            if row.get(AXIS) and None not in row.values()
        ]
