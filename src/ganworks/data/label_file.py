"""A file with the labels of images, read row by row: CSV, JSON, or the ``dataset.json`` of StyleGAN."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ganworks.data.files import LABEL_FILES as FILES
from ganworks.errors import GanworksError, SettingError

log = logging.getLogger(__name__)

AUTO = "auto"
Place = Path | zipfile.Path  # a folder or a file, perhaps of a zip file
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Row:
    """The label of one image.

    Args:
        place: where it stands in the file, for errors: "line 3".
        path: of the image, relative to the folder.
        value: a name, a number, or a list of either.
    """

    place: str
    path: str
    value: Any


@dataclass(frozen=True)
class Table:
    """The rows of a label file.

    Args:
        file: where they were read.
        rows: None where the file says that there are no labels.
        columns: the names of several columns, one for each number of a label.
    """

    file: Place
    rows: list[Row] | None
    columns: tuple[str, ...] = ()

    def fault(self, row: Row, text: str) -> GanworksError:
        """Return the error that names the file, the row and what is wrong with it."""
        return fault(self.file, row.place, text)


def fault(file: Place, place: str, text: str) -> GanworksError:
    """Return the error of a row."""
    return GanworksError(f"{file}, {place}: {text}.")


def find_table(root: Place, source: str) -> Table | None:
    """Return the label file in ``root``: the one of `FILES` that is there ("auto"), or the one that is named.

    Raises:
        SettingError: there are several, or not the one that is named.
        GanworksError: the file cannot be read.
    """
    if source != AUTO:
        if not (root / source).is_file():
            there = sorted(path.name for path in root.iterdir() if suffix(path) in (".csv", ".json"))
            raise SettingError("label_source", source, f"auto, folders or a label file in {root}", there)
        return read_table(root / source)
    tables = [table for name in FILES if (root / name).is_file() and (table := read_table(root / name))]
    if len(tables) > 1:
        names = " and ".join(table.file.name for table in tables)
        raise SettingError("label_source", AUTO, f"one of them where {names} are in {root}")
    return tables[0] if tables else None


def read_table(file: Place) -> Table | None:
    """Read a label file; None for a ``dataset.json`` that is none of StyleGAN's."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        return read_csv(file, text) if suffix(file) == ".csv" else read_json(file, text)
    except (OSError, UnicodeDecodeError, csv.Error, json.JSONDecodeError, zipfile.BadZipFile) as error:
        raise GanworksError(f"{file} can't be read: {error}.") from error


def suffix(file: Place) -> str:
    """Return the suffix of a file in lower case."""
    return PurePosixPath(file.name).suffix.lower()


def read_csv(file: Place, text: str) -> Table:
    """Read a header and rows of a path and one label, or a path and several numbers."""
    first = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count))
    header = [cell.strip() for cell in next(lines, [])]
    if len(header) < 2 or (file.parent / header[0]).is_file():  # type: ignore[operator]
        raise fault(
            file, "line 1", "it must be a header, such as path,label; the first column has the images' paths"
        )
    rows = []
    for cells in lines:
        if not any(cells):
            continue
        place, cells = f"line {lines.line_num}", [cell.strip() for cell in cells]
        if len(cells) != len(header):
            raise fault(file, place, f"it has {len(cells)} cells, and the header has {len(header)}")
        values: list[Any] = [number_or_text(cell) for cell in cells[1:]]
        for column, value in zip(header[1:], values, strict=True):
            if value == "" or (isinstance(value, str) and len(header) > 2):
                what = "a number" if len(header) > 2 else "a class or a number"
                raise fault(file, place, f"{column}={value!r} must be {what}")
        rows.append(Row(place, cells[0], values[0] if len(header) == 2 else values))
    return Table(file, rows, tuple(header[1:]) if len(header) > 2 else ())


class Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written, so that a path that comes twice is seen."""


def read_json(file: Place, text: str) -> Table | None:
    """Read {"path": label, ...}, or {"labels": [["path", label], ...]} as StyleGAN writes it."""
    content = json.loads(text, object_pairs_hook=Pairs)
    styled = dict(content).get("labels", ...) if isinstance(content, Pairs) else ...
    if styled is None:
        log.info("%s: no labels", file)
        return Table(file, None)
    if isinstance(styled, list) and not isinstance(styled, Pairs):
        for number, entry in enumerate(styled):
            if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str)):
                raise fault(file, f"entry {number}", f'it must be ["path", label], not {entry!r}')
        return Table(
            file, [Row(f"entry {number}", path, label) for number, (path, label) in enumerate(styled)]
        )
    if file.name == "dataset.json":
        log.warning('%s: it has no "labels" as those of StyleGAN have, and is passed over', file)
        return None
    if not isinstance(content, Pairs):
        raise GanworksError(
            f'{file} must hold {{"path": label, ...}} or {{"labels": [["path", label], ...]}}.'
        )
    return Table(file, [Row(f"entry {number}", path, label) for number, (path, label) in enumerate(content)])


def number_or_text(cell: str) -> int | float | str:
    """Return a cell as the number that it is, or as it stands.

    >>> number_or_text("3"), number_or_text("-.5"), number_or_text("nan")
    (3, -0.5, 'nan')
    """
    if not NUMBER.fullmatch(cell):
        return cell
    return int(cell) if cell.lstrip("+-").isdigit() else float(cell)
