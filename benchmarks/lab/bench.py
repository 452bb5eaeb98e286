"""What a bench consists of: rows of settings, the figures that are asked of them, published rows beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganworks.errors import SettingError, check_choice

# What a bench does not show: pictures on the way, the doctor, the page of a run.
QUIET = ("callback=basic", "~callback.sample_grid", "num_threads=1")


@dataclass(frozen=True)
class Row:
    """A row of the table: settings that are trained under every seed.

    Args:
        name: what the table calls it.
        overrides: as on the command line of `train.py`, behind those of the bench.
        compare: the row whose time of a step is 1 for this one; None leaves the cell empty.
        group: the heading that it stands under.
        label: what the table says behind its name.
        after: the row whose run of the same seed this one reads; it begins when that has ended.
    """

    name: str
    overrides: tuple[str, ...] = ()
    compare: str | None = None
    group: str = ""
    label: str = ""
    after: str | None = None

    @property
    def folder(self) -> str:
        """The name of its folder of runs.

        >>> Row("R3GAN, every=4").folder
        'r3gan_every_4'
        """
        return re.sub(r"[^a-z0-9.]+", "_", self.name.lower()).strip("_")


@dataclass(frozen=True)
class Published:
    """A row of a paper, shown among rows of the same protocol alone.

    Args:
        name: what the table calls it.
        values: by the names of the figures, in the units of the runs.
        source: paper and table.
        group: the heading that it stands under.
    """

    name: str
    values: Mapping[str, float]
    source: str
    group: str = ""


@dataclass(frozen=True)
class Column:
    """A figure of the table.

    Args:
        key: in ``metrics`` of summary.json.
        title: of the column.
        digits: behind the point.
        best: "min" or "max".
        percent: show 100 times the figure.
        log: the plot's axis is logarithmic.
    """

    key: str
    title: str
    digits: int = 2
    best: str = "min"
    percent: bool = False
    log: bool = False

    def __post_init__(self) -> None:
        check_choice("best", self.best, ("min", "max"))

    def read(self, figures: Mapping[str, Any]) -> float | None:
        """Return the figure in the units of the table; None where it is not there."""
        value = figures.get(self.key)
        return None if value is None else float(value) * (100 if self.percent else 1)

    def show(self, value: float) -> str:
        """Return a value as the table has it; of very small and very large ones the digits that say something."""
        if 0 < abs(value) < 10**-self.digits:
            return f"{value:.1g}"
        return f"{value:.2g}" if abs(value) >= 1e5 else f"{value:,.{self.digits}f}"


@dataclass(frozen=True)
class Bench:
    """A table of runs.

    Args:
        name: of its page, docs/benchmarks/NAME.md, and of its folder of runs.
        title: heading of the page.
        protocol: what is the same in all runs and how it is measured, in words.
        base: overrides of all rows, before their own.
        rows: see `Row`.
        columns: see `Column`; the first one is the plot's.
        published: rows of papers under the same protocol.
        seeds: how many, unless the command says otherwise.

    Raises:
        SettingError: two rows share a folder, or a row is compared with or waits for one that is not there.
    """

    name: str
    title: str
    protocol: str
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    base: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    seeds: int = 5
    notes: str = field(default="")

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        folders = [row.folder for row in self.rows]
        for row in self.rows:
            if folders.count(row.folder) > 1:
                raise SettingError("rows", row.name, f"a name whose folder, {row.folder}, no other row has")
            for word, other in (("compare", row.compare), ("after", row.after)):
                if other is not None:
                    check_choice(f"{row.name}.{word}", other, names)

    def overrides(self, row: Row, seed: int) -> list[str]:
        """Return the settings of one run, as its command line has them."""
        return [*self.base, *row.overrides, *QUIET, f"seed={seed}"]

    def chosen(self, names: Sequence[str] | None) -> list[Row]:
        """Return the rows of these names, or all; raise `SettingError` where there is none of a name."""
        if names is None:
            return list(self.rows)
        there = {row.name: row for row in self.rows}
        return [there[check_choice("rows", name, there)] for name in names]
