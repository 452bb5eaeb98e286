"""Columns of numbers from CSV files, and the scaling between their units and the networks' range."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ganworks.errors import GanworksError, SettingError

log = logging.getLogger(__name__)
NETWORK_RANGE = (-1.0, 1.0)
SEPARATORS = ",;\t"


@dataclass(frozen=True)
class Sheet:
    """A CSV file with a head, its values separated by commas, semicolons or tabs, as the head is.

    Args:
        file: where it was read.
        names: of the columns.
        rows: the texts of each row.
        lines: in which each row stands (ends, where a value has several lines).
    """

    file: Path
    names: list[str]
    rows: list[list[str]]
    lines: list[int]

    @classmethod
    def read(cls, file: Path) -> Sheet:
        """Read ``file``; raise `GanworksError` where it is no CSV with a head and equally long rows."""
        try:
            with file.open(newline="", encoding="utf-8-sig") as opened:
                text = opened.read()
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator_of(text))
            found = [(reader.line_num, row) for row in reader if row]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise GanworksError(f"{file} can't be read as CSV: {str(error).splitlines()[0]}.") from error
        if len(found) < 2:
            raise GanworksError(f"{file} has no rows below its head.")
        names = [name.strip() for name in found[0][1]]
        for line, row in found[1:]:
            if len(row) != len(names):
                raise GanworksError(f"{file}, line {line}: {len(row)} values below {len(names)} names.")
        return cls(file, names, [row for _, row in found[1:]], [line for line, _ in found[1:]])

    def column(self, name: str, setting: str = "columns") -> list[str]:
        """Return the texts of a column.

        Raises:
            SettingError: about ``setting``: there is none of that name.
            GanworksError: there are several.
        """
        if name not in self.names:
            raise SettingError(setting, name, f"a column of {self.file}: {', '.join(self.names)}", self.names)
        if (num := self.names.count(name)) > 1:
            raise GanworksError(
                f"{self.file}: {num} columns are called {name!r}: give each a name of its own."
            )
        return self._texts(self.names.index(name))

    def _texts(self, index: int) -> list[str]:
        return [row[index].strip() for row in self.rows]

    def numeric(self, others: Sequence[str] = ()) -> list[str]:
        """Return the names of the columns most of whose values are numbers, without ``others``; say which are left out.

        A value of these that is none is an error of `numbers`, with its line.

        Raises:
            SettingError: there is no such column.
            GanworksError: two of them have one name.
        """
        found: list[str] = []
        left: list[str] = []
        for index, name in enumerate(self.names):
            if name in others:
                continue
            num = sum(_number(text) is not None for text in self._texts(index))
            (found if 2 * num > len(self.rows) else left).append(name)
        for name in found:
            self.column(name)
        if not found:
            allowed = (
                f"given: no column of {self.file} holds numbers, written as 1.5, and separated by a comma, a semicolon"
                f" or a tab; its head is {', '.join(map(repr, self.names[:8]))}"
            )
            raise SettingError("columns", "null", allowed)
        if left:
            names = ", ".join(map(repr, left))
            log.info("%s: left out, since most of their values are no numbers: %s", self.file, names)
        return found

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
                row = values.index(None)
                raise GanworksError(
                    f"{self.file}, line {self.lines[row]}: {name} is {texts[row]!r}, not a finite number."
                )
            columns.append(values)
        return torch.tensor(columns, dtype=torch.float64).t()


def separator_of(text: str) -> str:
    """Return what separates the values of a CSV file: a comma, unless its head has none, and semicolons or tabs.

    >>> separator_of("a;b;c"), separator_of("a,b;c"), separator_of("a")
    (';', ',', ',')
    """
    head = next((line for line in text.splitlines() if line.strip()), "")
    return next((each for each in SEPARATORS if len(next(csv.reader([head], delimiter=each), [])) > 1), ",")


def check_columns(sheet: Sheet, columns: Sequence[str] | None, others: Sequence[str]) -> list[str]:
    """Return the columns to take: ``columns``, each there and named once, or all that hold numbers but ``others``."""
    if not columns:
        return sheet.numeric(others)
    for name in columns:
        sheet.column(name)
        if list(columns).count(name) > 1:
            raise SettingError("columns", name, "named once")
    return list(columns)


def hash_of(values: Sequence[Tensor], texts: Sequence[str] = ()) -> str:
    """Return a hash of numbers and texts in their order."""
    digest = hashlib.blake2b(repr(list(texts)).encode(), digest_size=16)
    for each in values:
        digest.update(repr(tuple(each.shape)).encode())
        digest.update(each.contiguous().numpy().data)
    return digest.hexdigest()


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
    files = (each for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
    found = sorted(each for each in files if each.suffix.lower() == ".csv")
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
