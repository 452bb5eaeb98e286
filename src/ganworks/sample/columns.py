"""Kinds of samples whose last axis is columns with names and units: series of values, and rows of a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from ganworks.errors import SettingError
from ganworks.sample.kind import Kind
from ganworks.staged import staged

DIGITS = 7  # significant ones that tell a millionth of a range that begins at zero; float32 has no more
EVERY_DIGIT = 17  # of a float64


def num_digits(low: float, high: float) -> int:
    """Return the significant digits that tell values apart by a millionth of the range between ``low`` and ``high``.

    >>> num_digits(0.0, 5.0), num_digits(1.7e9, 1.7e9 + 1000)
    (7, 14)
    """
    largest, width = max(abs(low), abs(high)), abs(high - low)
    if not largest or not width:
        return DIGITS
    return min(EVERY_DIGIT, DIGITS + max(0, math.ceil(math.log10(largest / width))))


class Columns(Kind):
    """Samples (..., D) in [-1, 1] that stand for columns in units of their own.

    Args:
        columns: their names; None numbers them.
        lowest, highest: the values, in its unit, that -1 and 1 stand for in each column; None leaves them as they are.
    """

    picture_suffixes = (*Kind.picture_suffixes, ".csv")
    suffix = ".csv"
    index: ClassVar[tuple[str, ...]]  # what stands before the columns in a CSV file

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        lowest: Sequence[float] | None = None,
        highest: Sequence[float] | None = None,
    ) -> None:
        self.columns = None if columns is None else [str(name) for name in columns]
        self.lowest = None if lowest is None else [float(value) for value in lowest]
        self.highest = None if highest is None else [float(value) for value in highest]
        if (self.lowest is None) != (self.highest is None):
            raise SettingError("highest", highest, "given with lowest, one number a column, or both left out")

    def names(self, num: int) -> list[str]:
        """Return the names of ``num`` columns."""
        return list(self.columns or [f"value_{index}" for index in range(num)])

    def in_units(self, samples: Tensor) -> Tensor:
        """Return samples (..., D) in the columns' units, float64 on the CPU."""
        from ganworks.data.columns import unscaled

        if self.lowest is None or self.highest is None:
            return samples.detach().cpu().double()
        return unscaled(samples, self.lowest, self.highest)

    def texts(self, values: Sequence[float]) -> list[str]:
        """Return the values of a row in their units as text, to a millionth of each column's range."""
        if self.lowest is None or self.highest is None:
            return [f"{value:.{DIGITS}g}" for value in values]
        limits = zip(values, self.lowest, self.highest, strict=True)
        return [f"{value:.{num_digits(low, high)}g}" for value, low, high in limits]

    def rows(self, samples: Tensor) -> Iterator[list[str]]:
        """Yield the rows of samples (B, ..., D) in their units, each after its index."""
        raise NotImplementedError

    def save_csv(self, samples: Tensor, path: Path, labels: Sequence[str] | None = None) -> Path:
        """Write samples (B, ..., D) in their units, with a head; ``labels``: of each sample, a column of its own."""
        import csv

        path.parent.mkdir(parents=True, exist_ok=True)
        with staged(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*self.index, *self.names(samples.shape[-1]), *(["class"] if labels else [])])
            steps = samples[0].numel() // samples.shape[-1]
            for number, row in enumerate(self.rows(samples)):
                writer.writerow([*row, *([labels[number // steps]] if labels else [])])
        return path

    def save(self, sample: Tensor, path: Path) -> Path:
        return self.save_csv(sample[None], path.with_name(path.name + self.suffix))


class Series(Columns):
    """Series (T, D), drawn as curves, a colour a column; in CSV a row for each step of each series."""

    name, noun, rank, low, high = "series", "series", 2, -1.0, 1.0
    index = ("series", "step")

    def save_picture(
        self, samples: Tensor, path: Path, columns: int | None = None, reals: Tensor | None = None
    ) -> list[Path]:
        if path.suffix.lower() == ".csv":
            return [self.save_csv(samples, path)]
        from ganworks.picture.curves import curves
        from ganworks.picture.samples import save_image

        return [save_image(curves(samples, self.names(samples.shape[-1]), columns), path)]

    def rows(self, samples: Tensor) -> Iterator[list[str]]:
        for number, series in enumerate(self.in_units(samples).tolist()):
            for step, values in enumerate(series):
                yield [str(number), str(step), *self.texts(values)]


class Table(Columns):
    """Rows (D,) of a table, drawn by their first two columns over the real ones."""

    name, noun, rank, is_cloud = "table", "rows", 1, True
    index = ()
    has_files = False

    def save_picture(
        self, samples: Tensor, path: Path, columns: int | None = None, reals: Tensor | None = None
    ) -> list[Path]:
        if path.suffix.lower() == ".csv":
            return [self.save_csv(samples, path)]
        from ganworks.picture.samples import save_image, scatter

        return [save_image(scatter(samples, reals), path)]

    def rows(self, samples: Tensor) -> Iterator[list[str]]:
        for values in self.in_units(samples).tolist():
            yield self.texts(values)
