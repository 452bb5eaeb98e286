"""Rows of a CSV file: continuous columns as vectors, perhaps with a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ganworks.data.base import check_shape
from ganworks.data.columns import Sheet, check_columns, csv_files, hash_of, scaled
from ganworks.data.own_columns import OwnColumns, held_out_of
from ganworks.data.samples import TensorSamples
from ganworks.errors import SettingError
from ganworks.sample.columns import Table


class TableFile(OwnColumns):
    """The rows of a CSV file as vectors, each column scaled to [-1, 1] by the rows that are trained on.

    The scaling and the names are kept with the run, so that samples are written as CSV in the units of the file. Rows
    whose values are the same are on one side of the split.

    Args:
        root: a CSV file with a head.
        columns: names of the continuous columns; None takes all most of whose values are numbers, but for ``label``.
        label: the column of the classes, of names or whole numbers; None: there are none.
        held_out: share of the rows that the figures are taken against.
        split_seed: key of the split, the same for all runs however they are seeded.
        lowest, highest: values that become -1 and 1 in each column; None takes them from the rows that are trained on.
        changed: whether a checkpoint resumes with other values: "error" or "accept".
        shape: what the networks are built for: (columns,), or None.
        num_classes: None takes the classes of ``label``, 0 leaves them out.
        batch_size, seed, min_batches: see `GanDataModule`.

    Raises:
        SettingError: no file, a column that is not there or never changes, another number of classes.
        GanworksError: a value that is no number, with its line, or two columns of one name.
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
        split_seed: int = 0,
        lowest: Sequence[float] | None = None,
        highest: Sequence[float] | None = None,
        changed: str = "error",
    ) -> None:
        if root is not None and Path(root).is_dir():
            raise SettingError("root", root, "a CSV file, not a folder")
        self.sheet = Sheet.read(csv_files(root)[0])
        texts = None if label is None else self.sheet.column(label, "label")
        self.columns = check_columns(self.sheet, columns, [label] if label else [])
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
        self.label = label
        self.set_split(held_out, split_seed, changed)
        self.set_scaling(lowest, highest)
        self._parts: list[TensorSamples] | None = None

    def load(self) -> TensorSamples:
        """Read the rows to train on, and learn the scaling from them."""
        return self.parts[0]

    def load_reference(self) -> TensorSamples:
        """Return the rows that are held out, in the same scaling."""
        return self.parts[1]

    @property
    def content(self) -> str:
        texts = [] if self.label is None or not self.classes else self.sheet.column(self.label)
        return hash_of([self.sheet.numbers(self.columns)], [*self.columns, *texts])

    @property
    def parts(self) -> list[TensorSamples]:
        """The rows to train on and those that are held out."""
        if self._parts is None:
            values = self.sheet.numbers(self.columns)
            texts = [repr(row) for row in values.tolist()]
            apart = torch.tensor(held_out_of(texts, self.held_out, self.split_seed, "table", "split"))
            if not apart.any() or (~apart).sum() < 2:
                raise SettingError(
                    "root", self.sheet.file, "a file with more rows, to train on and to hold out"
                )
            rows = [(~apart).nonzero().flatten(), apart.nonzero().flatten()]
            lowest, highest = self.scaling(values[rows[0]])
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
