"""Columns of numbers from CSV files, and the scaling between their units and the networks' range."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ganworks.errors import GanworksError, SettingError

NETWORK_RANGE = (-1.0, 1.0)


@dataclass(frozen=True)
class Sheet:
    """A CSV file with a head.

    Args:
        file: where it was read.
        names: of the columns.
        rows: the texts of each row; the first one stands in line 2.
    """

    file: Path
    names: list[str]
    rows: list[list[str]]

    @classmethod
    def read(cls, file: Path) -> Sheet:
        """Read ``file``; raise `GanworksError` where it is no CSV with a head and equally long rows."""
        try:
            with file.open(newline="", encoding="utf-8-sig") as opened:
                rows = [row for row in csv.reader(opened) if row]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise GanworksError(f"{file} can't be read as CSV: {str(error).splitlines()[0]}.") from error
        if len(rows) < 2:
            raise GanworksError(f"{file} has no rows below its head.")
        names = [name.strip() for name in rows[0]]
        for line, row in enumerate(rows[1:], 2):
            if len(row) != len(names):
                raise GanworksError(f"{file}, line {line}: {len(row)} values below {len(names)} names.")
        return cls(file, names, rows[1:])

    def column(self, name: str, setting: str = "columns") -> list[str]:
        """Return the texts of a column; raise `SettingError` about ``setting`` where there is none of that name."""
        if name not in self.names:
            raise SettingError(setting, name, f"a column of {self.file}: {', '.join(self.names)}", self.names)
        index = self.names.index(name)
        return [row[index].strip() for row in self.rows]

    def numeric(self, others: Sequence[str] = ()) -> list[str]:
        """Return the names of the columns whose first value is a number, without ``others``."""
        pairs = zip(self.names, self.rows[0], strict=True)
        return [name for name, text in pairs if name not in others and _number(text) is not None]

    def numbers(self, names: Sequence[str]) -> Tensor:
        """Return columns as float64 (rows, columns).

        Raises:
            SettingError: a column that is not there.
            GanworksError: a value that is no finite number, with its line.
        """
        columns = []
        for name in names:
            texts = self.column(name)
            values = [_number(text) for text in texts]
            if None in values:
                line = values.index(None)
                raise GanworksError(
                    f"{self.file}, line {line + 2}: {name} is {texts[line]!r}, not a finite number."
                )
            columns.append(values)
        return torch.tensor(columns, dtype=torch.float64).t()


def csv_files(root: str | Path | None) -> list[Path]:
    """Return the CSV files that ``root`` is or holds, in the order of their names."""
    if root is None:
        raise SettingError("root", "null", "given: a CSV file, or a folder of them")
    path = Path(root)
    if path.is_file():
        return [path]
    if not path.is_dir():
        there = [str(each) for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise SettingError("root", root, "an existing CSV file, or a folder of them", there)
    found = sorted(path.glob("*.csv"))
    if not found:
        raise SettingError("root", root, "a folder with .csv files in it")
    return found


def extremes(values: Tensor, names: Sequence[str]) -> tuple[list[float], list[float]]:
    """Return lowest and highest value of each column of ``values`` (..., D).

    Raises:
        SettingError: a column that never changes, which cannot be scaled.
    """
    flat = values.reshape(-1, values.shape[-1])
    lowest, highest = flat.amin(0).tolist(), flat.amax(0).tolist()
    for name, low, high in zip(names, lowest, highest, strict=True):
        if low == high:
            raise SettingError("columns", name, f"left out: all its values are {low:g}")
    return lowest, highest


def scaled(values: Tensor, lowest: Sequence[float], highest: Sequence[float]) -> Tensor:
    """Return columns (..., D) as the networks see them, lowest to highest as -1 to 1, float32."""
    low, high = (torch.tensor(list(each), dtype=torch.float64) for each in (lowest, highest))
    return (2 * (values.double() - low) / (high - low) - 1).float()


def unscaled(values: Tensor, lowest: Sequence[float], highest: Sequence[float]) -> Tensor:
    """Return columns (..., D) of the networks' range in their own units, float64."""
    low, high = (torch.tensor(list(each), dtype=torch.float64) for each in (lowest, highest))
    return low + (values.detach().cpu().double() + 1) / 2 * (high - low)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
