"""The labels that a generator takes: which there are, and what a person or a program may write for them."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganworks.errors import SettingError

Label = int | str | Tensor | None
FILES = (".npy", ".csv")
NUMBER = re.compile(r"[+-]?\.?\d")  # how one begins
EXAMPLES = {
    "class": "label=3 or label=0,1,2",
    "multi": "label=[0,3] or label=[0,3],[1]",
    "vector": "label=[.1,-2,...] or label=FILE.npy",
}


@dataclass(frozen=True)
class Labels:
    """The labels of a conditional generator.

    Args:
        kind: "class" (one of several), "multi" (several at once) or "vector" (numbers).
        num_classes: number of classes, or of numbers in a vector.
        names: of the classes, in the order of their numbers; empty where they have none.

    >>> Labels("class", 3, ["bird", "cat", "dog"]).parse("cat,0")
    tensor([1, 0])
    >>> Labels("multi", 4).parse("[0,3]")
    tensor([[1., 0., 0., 1.]])
    """

    kind: str
    num_classes: int
    names: Sequence[str] = ()

    def check(self, label: int | str | Tensor, num: int) -> Tensor:
        """Return a label for each of ``num`` samples: int64 (num,), or float (num, num_classes).

        Args:
            label: one for all samples, or one for each. A class is a name, () or (num,); of several at once it is
                (num_classes,) or (num, num_classes) with 0 and 1, or the one class that is on; a vector is likewise.

        Raises:
            SettingError: the generator has no such label.
        """
        labels = torch.as_tensor(self.number(label) if isinstance(label, str) else label)
        if self.kind == "class" and not (
            labels.is_floating_point() and labels.shape == (num, self.num_classes)
        ):
            return self._classes(labels, num)
        if self.kind == "multi" and labels.dim() == 0:
            return torch.eye(self.num_classes)[self._classes(labels, num).cpu()]
        if labels.shape not in ((self.num_classes,), (num, self.num_classes)):
            allowed = f"{self.num_classes} numbers, or a row of them for each of {num} samples"
            raise SettingError("label", f"a tensor {tuple(labels.shape)}", allowed)
        for wrong in labels[~labels.isfinite()][:1].tolist():
            raise SettingError("label", wrong, "finite numbers")
        return (labels if labels.is_floating_point() else labels.float()).expand(num, self.num_classes)

    def _classes(self, labels: Tensor, num: int) -> Tensor:
        """Return (num,) of one class or one for each sample."""
        if labels.shape not in ((), (num,)):
            raise SettingError("label", tuple(labels.shape), f"one class, or one for each of {num} samples")
        is_wrong = (labels < 0) | (labels >= self.num_classes) | (labels != labels.long())
        for wrong in labels[is_wrong][:1].tolist():
            raise SettingError("label", wrong, f"a class from 0 to {self.num_classes - 1}")
        return labels.long().expand(num)

    def number(self, text: str) -> int:
        """Return the number of the class that has this name or, where no name is a number, this number.

        Raises:
            SettingError: there is no such class; offers the nearest.
        """
        if text in self.names:
            return list(self.names).index(text)
        is_number = re.fullmatch(r"-?\d+", text) is not None
        if is_number and 0 <= int(text) < self.num_classes and not any(name.isdigit() for name in self.names):
            return int(text)
        if self.names:
            more = ", ..." if len(self.names) > 10 else ""
            allowed = f"one of the classes {', '.join(self.names[:10])}{more}"
            raise SettingError("label", text, allowed, self.names)
        allowed = f"a class from 0 to {self.num_classes - 1}"
        raise SettingError(
            "label", text, allowed if is_number else f"{allowed}, written like {EXAMPLES[self.kind]}"
        )

    def parse(self, text: str) -> Tensor:
        """Return the labels that a text stands for, one or more: classes (R,), or rows (R, num_classes).

        Classes are given by name or number, ``3`` or ``cat,dog``; several at once in brackets, ``[0,3]`` or
        ``[0,3],[1]``; vectors by their numbers, ``[.1,-2,0]``. A ``.npy`` or ``.csv`` file has a row for each.

        Raises:
            SettingError: it stands for none, with what is allowed.
        """
        if is_file(text) and text not in self.names:
            return self._from_file(text)
        if self.kind == "class":
            parts = [text] if text in self.names else split(text.strip("[]"))
            if "" in parts:
                raise SettingError("label", text, f"written like {EXAMPLES['class']}")
            return torch.tensor([self.number(part) for part in parts])
        if "[" not in text:
            groups = [split(text)] if self.kind == "vector" else [[part] for part in split(text)]
        else:
            if re.sub(r"\[[^\[\]]*\]", "", text).strip(" ,"):
                raise SettingError("label", text, f"written like {EXAMPLES[self.kind]}")
            groups = [split(group) if group.strip() else [] for group in re.findall(r"\[([^\[\]]*)\]", text)]
        if self.kind == "vector":
            return self._numbers(groups, text)
        labels = torch.zeros(len(groups), self.num_classes)
        for label, group in zip(labels, groups, strict=True):
            label[[self.number(part) for part in group]] = 1
        return labels

    def _numbers(self, rows: Sequence[Sequence[str]], text: str) -> Tensor:
        """Return (R, num_classes) of the numbers in each row."""
        try:
            numbers = [[float(part) for part in row] for row in rows]
        except ValueError:
            numbers = []
        if not numbers or any(len(row) != self.num_classes for row in numbers):
            allowed = f"{self.num_classes} numbers a label, such as {EXAMPLES['vector']}"
            raise SettingError("label", text, allowed)
        return torch.tensor(numbers)

    def _from_file(self, text: str) -> Tensor:
        """Return the labels in a file: a class, 0 and 1 for every class, or a vector a row."""
        path = Path(text).expanduser()
        try:
            if path.suffix.lower() == ".npy":
                return self._from_array(np.load(path, allow_pickle=False), text)
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = [[cell.strip() for cell in row] for row in csv.reader(file) if any(row)]
        except (OSError, EOFError, ValueError, csv.Error) as error:
            if isinstance(error, SettingError):
                raise
            raise SettingError("label", text, f"a file that can be read ({error})") from error
        if self.kind != "class":
            has_header = bool(rows) and not any(NUMBER.match(cell) for cell in rows[0])
            return self._numbers(rows[has_header:], text)
        rows = rows[1:] if rows[:1] == [["label"]] else rows
        if not rows or any(len(row) != 1 for row in rows):
            raise SettingError("label", text, "a file with one class a row")
        return torch.tensor([self.number(row[0]) for row in rows])

    def _from_array(self, array: np.ndarray, text: str) -> Tensor:
        width = () if self.kind == "class" else (self.num_classes,)
        if width and array.ndim == 1 and (self.num_classes == 1 or array.shape == width):
            array = array.reshape(-1, *width)
        if array.dtype.kind not in "biuf" or array.shape[1:] != width or not array.size:
            shape = ", ".join(["rows", *map(str, width)])
            allowed = f"an array of numbers ({shape}), and it holds {array.dtype} {array.shape}"
            raise SettingError("label", text, allowed)
        return torch.from_numpy(array.astype(np.float64 if array.dtype.kind == "f" else np.int64))


def is_file(text: str) -> bool:
    """Say whether a text names a file of labels."""
    return Path(text).suffix.lower() in FILES


def split(text: str) -> list[str]:
    """Return the parts of a list."""
    return [part.strip() for part in text.split(",")]
