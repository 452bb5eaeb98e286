"""The table of a run's metrics.csv, for all that reads it; reading needs no library."""

from __future__ import annotations

import csv
import logging
import math
from functools import cache
from pathlib import Path

AXIS = "images_seen"
log = logging.getLogger(__name__)


def read_metrics(path: str | Path) -> list[dict[str, float]]:
    """Return the rows of a metrics.csv, empty cells left out; no rows where there is no file.

    Damaged rows are left out with a warning; a last row that has no end without one, for a kill has cut it off.
    """
    return read_table(path)[0]


def read_table(path: str | Path) -> tuple[list[dict[str, float]], list[int]]:
    """Return the rows, and the numbers of the damaged lines, line 1 for a damaged header."""
    if not Path(path).is_file():
        return [], []
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    reader = csv.DictReader(text.splitlines())
    lines: list[tuple[int, dict[str, float] | None]] = []
    try:
        is_table = AXIS in (reader.fieldnames or [AXIS])
        for row in reader:
            lines.append((reader.line_num, row_of(row)))
    except csv.Error:  # cells of a size that no table has
        is_table = False
    cut_off = lines[-1:] if not text.endswith("\n") else []
    damaged = [line for line, row in lines if row is None and (line, row) not in cut_off] if is_table else [1]
    if damaged:
        warn(str(path), tuple(damaged))
    return [row for _, row in lines if row is not None], damaged


def row_of(cells: dict[str, str | None]) -> dict[str, float] | None:
    """Return the numbers of a row by column, or None where cells are missing, surplus or no numbers."""
    if not cells.get(AXIS) or None in cells or None in cells.values():
        return None
    try:
        row = {name: float(cell) for name, cell in cells.items() if cell}
        return {**row, AXIS: int(cells[AXIS] or "")} if math.isfinite(row[AXIS]) else None
    except ValueError:
        return None


@cache
def warn(path: str, lines: tuple[int, ...]) -> None:
    """Say once which lines of a table are left out."""
    named = ", ".join(map(str, lines[:5])) + (", ..." if len(lines) > 5 else "")
    log.warning("%s is damaged in line %s: left out; the other rows are read.", path, named)
