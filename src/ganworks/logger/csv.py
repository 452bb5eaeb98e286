"""metrics.csv: every scalar of a run in one table on the axis of images seen."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from ganworks.logger.table import AXIS, read_metrics, read_table
from ganworks.staged import flush, staged


class CSVLogger(Logger):
    """Write one row a logging point to the file ``path``; its first column is `images_seen`.

    A row is on the disk when `log_metrics` returns, so a killed run keeps it. A resumed run continues the
    table: rows past its checkpoint are dropped, for they are written again. A table with damaged rows is kept as it
    is under the name of `metrics.damaged.csv` before it is written anew without them.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = Path(path)
        self._columns: list[str] | None = None  # None until the file has been looked at
        self._row: dict[str, Any] = {}
        self._row_start = 0

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml beside the table holds the settings."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write ``metrics`` at ``step`` images; those of one position share a row."""
        is_first = self._columns is None
        is_same_row = self._row.get(AXIS) == step
        self._row = {**(self._row if is_same_row else {AXIS: step}), **metrics}
        new_columns = [name for name in self._row if name not in (self._columns or ())]
        if is_first or new_columns:
            return self._rewrite(step or 0)
        with self.path.open("r+", newline="", encoding="utf-8") as file:
            self._row_start = self._row_start if is_same_row else file.seek(0, io.SEEK_END)
            file.seek(self._row_start)
            file.truncate()
            csv.DictWriter(file, self._columns or []).writerow(self._row)

    @rank_zero_only
    def rewind(self, images_seen: int) -> None:
        """Drop the rows past ``images_seen``: the run goes on from there, and writes them again."""
        rows = read_metrics(self.path)
        if rows and max(row[AXIS] for row in rows) > images_seen:
            self._write([row for row in rows if row[AXIS] <= images_seen])

    @rank_zero_only
    def save(self) -> None:
        """Have the disk keep what was logged: a checkpoint that is about to be written goes on from there."""
        if self.path.is_file():
            flush(self.path)

    def _rewrite(self, step: int) -> None:
        """Write the whole table anew with all columns: those of earlier rows before ``step``, then the row."""
        self._write([row for row in read_metrics(self.path) if row[AXIS] < step], self._row)

    def _write(self, rows: list[dict[str, float]], last: Mapping[str, Any] | None = None) -> None:
        """Write the whole table anew; later calls change the row ``last`` where it is given."""
        if read_table(self.path)[1]:
            shutil.copyfile(self.path, self.path.with_suffix(".damaged.csv"))
        everything = [*rows, *([last] if last else [])]
        columns = list(dict.fromkeys([AXIS, *(name for row in everything for name in row)]))
        with staged(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
            if last is not None:
                self._columns, self._row_start = columns, file.tell()
                writer.writerow(last)
