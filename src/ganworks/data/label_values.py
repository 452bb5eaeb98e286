"""What the rows of a label file stand for: classes by name or number, several classes at once, vectors of numbers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ganworks.data.files import ImageFiles, natural
from ganworks.data.label_file import Row, Table
from ganworks.errors import GanworksError, SettingError

log = logging.getLogger(__name__)

LENGTHS = 0.1, 10.0  # a class has length 1, and the networks' weights are drawn for that


def from_rows(files: ImageFiles, table: Table, rows: Sequence[Row], kind: str | None) -> ImageFiles:
    """Return ``files`` with the labels of their ``rows``; ``kind`` None: what they look like."""
    form = common_form(table, rows, kind)
    if form in ("name", "names"):
        return named(files, table, rows, kind or ("class" if form == "name" else "multi"))
    if form == "number" and (kind == "class" or (kind is None and all(is_whole(row.value) for row in rows))):
        return numbered(files, table, rows)
    return listed(files, table, rows, kind)


def common_form(table: Table, rows: Sequence[Row], kind: str | None) -> str:
    """Return what all labels are: "number", "name", or lists of either: "numbers", "names".

    Names and lists of names together are lists, and names beside numbers are all names where classes are asked for.
    """
    forms = [form_of(row.value) for row in rows]
    found = set(forms)
    if found <= {"name", "names"}:
        return "names" if "names" in found else "name"
    if found == {"name", "number"} and kind == "class":
        return "name"
    for row, form in zip(rows, forms, strict=True):
        if form is None:
            raise table.fault(
                row, f"the label must be a class, a number, or a list of either, not {row.value!r}"
            )
        if form != forms[0]:
            raise table.fault(
                row,
                f"the label {row.value!r} is not of the form of {rows[0].value!r} at {rows[0].place}: all must be"
                " names, all numbers, or all lists (data.label=class reads numbers among names as names)",
            )
    return str(forms[0])


def form_of(value: object) -> str | None:
    """Return what a label is; None where it is nothing of the kind.

    >>> form_of(3), form_of("cat"), form_of([0, 1]), form_of(["cat", "old"]), form_of([]), form_of([1, "cat"])
    ('number', 'name', 'numbers', 'names', 'names', None)
    """
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "name" if value else None
    if isinstance(value, list):
        for kind, form in ((str, "names"), (int | float, "numbers")):
            if all(isinstance(part, kind) for part in value):
                return form
    return None


def is_whole(value: float) -> bool:
    """Say whether a number is an integer; NaN and infinity are not."""
    return float(value).is_integer()


def named(files: ImageFiles, table: Table, rows: Sequence[Row], kind: str) -> ImageFiles:
    """Return ``files`` labelled by names of classes, numbered in natural order: one each, or several."""
    if kind == "vector":
        raise table.fault(rows[0], f"{rows[0].value!r} is no number, and data.label=vector takes numbers")
    sets = [row.value if isinstance(row.value, list) else [str(row.value)] for row in rows]
    classes = sorted({name for each in sets for name in each}, key=natural)
    if not classes:
        raise GanworksError(f"{table.file}: none of its labels names a class.")
    number = {name: index for index, name in enumerate(classes)}
    if kind == "class":
        for row, each in zip(rows, sets, strict=True):
            if isinstance(row.value, list):
                raise table.fault(row, f"{each!r} is a list, and data.label=class takes one class")
        labels = torch.tensor([number[each[0]] for each in sets])
    else:
        labels = torch.zeros(len(rows), len(classes))
        for row_of_labels, each in zip(labels, sets, strict=True):
            row_of_labels[[number[name] for name in each]] = 1
    return replace(files, labels=labels, label_kind=kind, num_classes=len(classes), classes=tuple(classes))


def numbered(files: ImageFiles, table: Table, rows: Sequence[Row]) -> ImageFiles:
    """Return ``files`` labelled by the numbers of classes, from 0 to the highest that occurs."""
    for row in rows:
        if not is_whole(row.value) or not 0 <= row.value < 2**31:
            allowed = "an integer from 0 up (data.label=vector takes any number)"
            raise table.fault(row, f"the class {row.value!r} must be {allowed}")
    labels = torch.tensor([int(row.value) for row in rows])
    num_classes = int(labels.max()) + 1
    if num_empty := num_classes - len(labels.unique()):
        log.warning(
            "%s: %s of the classes 0 to %d have no image (data.label=vector takes numbers as they are)",
            table.file,
            f"{num_empty:,}",
            num_classes - 1,
        )
    return replace(files, labels=labels, label_kind="class", num_classes=num_classes, classes=())


def listed(files: ImageFiles, table: Table, rows: Sequence[Row], kind: str | None) -> ImageFiles:
    """Return ``files`` labelled by lists of numbers of one length: 0 and 1 of several classes, or vectors."""
    values = [row.value if isinstance(row.value, list) else [row.value] for row in rows]
    for row, each in zip(rows, values, strict=True):
        if len(each) != len(values[0]):
            raise table.fault(
                row, f"the label has {len(each)} numbers, and that at {rows[0].place} has {len(values[0])}"
            )
    labels = torch.tensor(values, dtype=torch.float64).float()
    refuse(table, rows, ~labels.isfinite(), "every number must be finite in float32")
    is_binary = (labels == 0) | (labels == 1)
    kind = kind or ("multi" if bool(is_binary.all()) else "vector")
    if kind == "class":
        allowed = f"multi, vector or null: the labels of {table.file} have {labels.shape[1]} numbers each"
        raise SettingError("label", kind, allowed)
    if kind == "multi":
        refuse(
            table,
            rows,
            ~is_binary,
            "every number must be 0 or 1 for several classes (data.label=vector: any)",
        )
    else:
        warn_of_length(table, labels)
    names = table.columns if kind == "multi" else ()
    return replace(files, labels=labels, label_kind=kind, num_classes=labels.shape[1], classes=names)


def refuse(table: Table, rows: Sequence[Row], wrong: Tensor, text: str) -> None:
    """Raise the error ``text`` of the first row that has a number where ``wrong`` (N, K) is true."""
    for index in wrong.any(1).nonzero().flatten()[:1].tolist():
        raise table.fault(rows[index], f"{text}, and the label is {rows[index].value!r}")


def warn_of_length(table: Table, labels: Tensor) -> None:
    """Warn of vectors (N, K) that are much shorter or longer than what the networks' weights are drawn for."""
    length = labels.norm(dim=1).mean().item()
    if not LENGTHS[0] <= length <= LENGTHS[1]:
        log.warning(
            "%s: the vectors have a mean length of %.3g; scale them to about 1, for which the networks are initialised",
            table.file,
            length,
        )
