"""Accuracies over seeds: means, deviations, differences paired by seed, and what they say in words."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from ganworks.augmentation.lines import BOTH, CLASSIC, CONTROL
from ganworks.words import figure

ALL, SMALL = "all classes", "small classes"
CERTAIN = 0.95  # of a difference that is said to be more than chance, two-sided
ONE_GAN = "of one GAN: deviations and errors are those of its fakes and of the classifiers, and say nothing of another"


@dataclass(frozen=True)
class Difference:
    """A difference paired by seed.

    Args:
        mean: over the seeds.
        error: standard error of the mean; NaN of one seed.
        num_up: seeds in which it is above zero.
        num: seeds.
    """

    mean: float
    error: float
    num_up: int
    num: int

    @classmethod
    def of(cls, first: Sequence[float], second: Sequence[float]) -> Difference:
        """Return that of ``first`` minus ``second``, two values for each seed."""
        each = [a - b for a, b in zip(first, second, strict=True)]
        return cls(
            statistics.fmean(each),
            deviation(each) / math.sqrt(len(each)),
            sum(value > 0 for value in each),
            len(each),
        )

    @property
    def limit(self) -> float:
        """Standard errors from zero beyond which the mean is more than chance: Student's t of ``num`` - 1 degrees."""
        from scipy.stats import t

        return float(t.ppf((1 + CERTAIN) / 2, self.num - 1)) if self.num > 1 else math.inf

    @property
    def words(self) -> str:
        """The difference with its standard error."""
        return f"{signed(self.mean)} +- {digits(self.error)}"


@dataclass(frozen=True)
class Accuracies:
    """What the classifiers of each line got right of held-out reals.

    Args:
        values: by line, then by group of classes, one accuracy for each seed.
        is_one_gan: whether all seeds have the fakes of one and the same GAN.
    """

    values: Mapping[str, Mapping[str, Sequence[float]]]
    is_one_gan: bool = False

    @property
    def groups(self) -> list[str]:
        """The groups of classes."""
        return list(next(iter(self.values.values())))

    def difference(self, line: str, to: str, group: str) -> Difference:
        """Return by how much a line is above another."""
        return Difference.of(self.values[line][group], self.values[to][group])

    def table(self, title: str) -> Table:
        """Return the table for a terminal."""
        table = Table(title=title, title_justify="left")
        if self.is_one_gan:
            table.caption = ONE_GAN
        table.add_column("the classifier learns from")
        for group in self.groups:
            table.add_column(group, justify="right", no_wrap=True)
            table.add_column(f"minus {CLASSIC}", justify="right", no_wrap=True)
        for line, by_group in self.values.items():
            cells = [line]
            for group, values in by_group.items():
                cells.append(f"{digits(statistics.fmean(values))} +- {digits(deviation(values))}")
                cells.append("" if line == CLASSIC else self.difference(line, CLASSIC, group).words)
            table.add_row(*cells)
        return table

    def verdict(self) -> list[str]:
        """Return in words whether the GAN helps, against reals that have the same weight in a batch."""
        whose = "this one GAN" if self.is_one_gan else "the GAN"
        return [said(group, self.difference(BOTH, CONTROL, group), whose) for group in self.groups]

    def plain(self) -> dict[str, Any]:
        """Return all of it in plain types."""
        rows: dict[str, Any] = {}
        for line, by_group in self.values.items():
            rows[line] = {}
            for group, values in by_group.items():
                found: dict[str, Any] = {"by_seed": list(values)}
                found |= {"mean": statistics.fmean(values), "deviation": finite(deviation(values))}
                for other in (CLASSIC, CONTROL):
                    if line != other:
                        each = self.difference(line, other, group)
                        limit = finite(each.limit)
                    found[f"minus_{other}"] = {**vars(each), "error": finite(each.error), "limit": limit}
                rows[line][group] = found
        return rows


def said(group: str, difference: Difference, whose: str = "the GAN") -> str:
    """Return in words what a difference of the GAN to the control says of a group of classes.

    It is more than chance where its mean is further from zero than Student's t at 95 % says of so many seeds.
    """
    up = f"up in {difference.num_up} of {difference.num} seeds"
    numbers = f"{difference.words} against real images with the same weight, {up}"
    if math.isnan(difference.error):
        return f"{group}: {numbers}; one seed says nothing."
    level = f"at {CERTAIN:.0%} (t of {difference.num - 1} degrees of freedom: {difference.limit:.2f} errors)"
    if abs(difference.mean) <= difference.limit * difference.error or difference.mean == 0:
        return f"{group}: {whose} does not help: {numbers}, no more than chance {level}."
    word = "does harm" if difference.mean < 0 else "helps"
    return f"{group}: {whose} {word}: {numbers}, more than chance {level}."


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation of a sample; NaN of a single value."""
    return statistics.stdev(values) if len(values) > 1 else math.nan


def finite(value: float) -> float | None:
    """Return a number as JSON has it: null for NaN."""
    return value if math.isfinite(value) else None


def digits(value: float) -> str:
    """Return an accuracy in four digits, without the zero before the point.

    >>> digits(0.95), digits(1.0)
    ('.9500', '1.0000')
    """
    return figure(value) if math.isnan(value) else f"{value:.4f}".removeprefix("0")


def signed(value: float) -> str:
    """Return a difference with its sign.

    >>> signed(0.0048), signed(-0.02)
    ('+.0048', '-.0200')
    """
    return ("-" if value < 0 else "+") + digits(abs(value))
