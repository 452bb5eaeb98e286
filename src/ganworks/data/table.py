"""Rows of a CSV file: continuous columns as vectors, perhaps with a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganworks.data.base import GanDataModule, check_shape
from ganworks.data.columns import Sheet, csv_files, extremes, scaled
from ganworks.data.samples import TensorSamples
from ganworks.errors import SettingError, check_range
from ganworks.noise import keyed_rng
from ganworks.sample.columns import Table


class TableFile(GanDataModule):
    """The rows of a CSV file as vectors, each column scaled to [-1, 1] by the rows that are trained on.

    The scaling and the names are kept with the run, so that samples are written as CSV in the units of the file.

    Args:
        root: a CSV file with a head.
        columns: names of the continuous columns; None takes all that hold numbers, but for ``label``.
        label: the column of the classes, of names or whole numbers; None: there are none.
        held_out: share of the rows, drawn by the seed, that the figures are taken against.
        shape: what the networks are built for: (columns,), or None.
        num_classes: None takes the classes of ``label``, 0 leaves them out.
        batch_size, seed, min_batches: see `GanDataModule`.

    Raises:
        SettingError: no file, a column that is not there or never changes, another number of classes.
        GanworksError: a value that is no number, with its line.
    """

    name = "table"

    def __init__(
        self,
        root: str | Path | None,
        columns: Sequence[str] | None = None,
        label: str | None = None,
        held_out: float = 0.2,
        batch_size: int = 64,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        seed: int = 0,
        min_batches: int = 1,
    ) -> None:
        if root is not None and Path(root).is_dir():
            raise SettingError("root", root, "a CSV file, not a folder")
        self.sheet = Sheet.read(csv_files(root)[0])
        texts = None if label is None else self.sheet.column(label, "label")
        self.columns = list(columns) if columns else self.sheet.numeric([label] if label else [])
        if not self.columns:
            raise SettingError("columns", columns, f"given: no column of {root} holds numbers")
        self.classes = sorted_classes(texts) if texts else []
        if num_classes not in (None, 0, len(self.classes)):
            allowed = f"{len(self.classes)} (the classes in data.label), or 0 to leave them out"
            raise SettingError("num_classes", num_classes, allowed)
        if num_classes == 0:
            self.classes = []
        check_shape(shape, (len(self.columns),), "columns")
        super().__init__(
            (len(self.columns),),
            len(self.classes),
            batch_size,
            seed,
            min_batches=min_batches,
            kind=Table(self.columns),
        )
        self.label, self.held_out = label, check_range("held_out", held_out, 0.01, 0.9)
        self._parts: list[TensorSamples] | None = None

    def load(self) -> TensorSamples:
        """Read the rows to train on, and learn the scaling from them."""
        return self.parts[0]

    def load_reference(self) -> TensorSamples:
        """Return the rows that are held out, in the same scaling."""
        return self.parts[1]

    @property
    def settled(self) -> dict[str, Any]:
        """The columns and the shape, which the file has told."""
        return {"shape": list(self.shape), "columns": self.columns}

    @property
    def parts(self) -> list[TensorSamples]:
        """The rows to train on and those that are held out."""
        if self._parts is None:
            values = self.sheet.numbers(self.columns)
            order = torch.randperm(len(values), generator=keyed_rng(self.seed, "table", "split"))
            num = max(1, round(self.held_out * len(values)))
            if len(values) - num < 2:
                raise SettingError(
                    "root", self.sheet.file, "a file with more rows, to train on and to hold out"
                )
            rows = [order[num:].sort().values, order[:num].sort().values]
            lowest, highest = extremes(values[rows[0]], self.columns)
            self.kind = Table(self.columns, lowest, highest)
            labels = self._labels()
            self._parts = [
                TensorSamples(scaled(values[each], lowest, highest), None if labels is None else labels[each])
                for each in rows
            ]
        return self._parts

    def _labels(self) -> Tensor | None:
        if not self.classes or self.label is None:
            return None
        numbers = {name: number for number, name in enumerate(self.classes)}
        return torch.tensor([numbers[text] for text in self.sheet.column(self.label)])


def sorted_classes(texts: Sequence[str]) -> list[str]:
    """Return the names of the classes in the order of their numbers: that of numbers where all are, else of text.

    >>> sorted_classes(["10", "9", "10"]), sorted_classes(["b", "a"])
    (['9', '10'], ['a', 'b'])
    """
    names = set(texts)
    return sorted(names, key=int) if all(name.lstrip("-").isdigit() for name in names) else sorted(names)
