"""The contents of images in a column of a table, mapped from its files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ganworks.data.blob import Blob, Names, Source, hash_of_files


@dataclass(frozen=True)
class Cell(Blob):
    """The bytes of an image in a table.

    Args:
        content: a buffer of pyarrow; None for a cell without one.
    """

    name: str
    size: int
    content: Any

    def read_bytes(self) -> bytes:
        return b"" if self.content is None else self.content.to_pybytes()


class Cells:
    """A column of images, each with ``bytes``, or with the ``path`` of a file.

    Args:
        table: `datasets.Dataset` whose column is of the type ``Image(decode=False)``; its rows are in the order of its
            files.
        column: its name.
        what: tells this column from others of the same files.
        files: that the table is read from.
        rows: of the images, int64 (N,); None: all.
    """

    def __init__(
        self, table: Any, column: str, what: str, files: Sequence[Path], rows: np.ndarray | None = None
    ) -> None:
        self.table, self.column, self.what, self.files = table, column, what, files
        self.rows = np.arange(len(table)) if rows is None else rows

    @cached_property
    def chunks(self) -> list[tuple[Any, Any]]:
        """Arrays of ``bytes`` and of ``path``, as they lie in the files."""
        chunks = self.table.data.column(self.column).chunks
        return [(chunk.field("bytes"), chunk.field("path")) for chunk in chunks]

    @cached_property
    def starts(self) -> np.ndarray:
        """First row of each chunk."""
        return np.cumsum([0, *(len(content) for content, _ in self.chunks)])

    def names(self) -> Names:
        """Return what the images are called: the numbers of their rows, as paths may come twice."""
        return Names.of([f"row {row}" for row in self.rows.tolist()])

    def source(self, index: int, name: str) -> Source:
        row = self.rows[index]
        chunk = int(np.searchsorted(self.starts, row, side="right")) - 1
        contents, paths = self.chunks[chunk]
        place = int(row - self.starts[chunk])
        if (content := contents[place]).is_valid:
            return Cell(name, (buffer := content.as_buffer()).size, buffer)
        path = paths[place].as_py()
        return Cell(name, 0, None) if path is None else Path(path)

    def only(self, indices: Sequence[int]) -> Cells:
        return Cells(self.table, self.column, self.what, self.files, self.rows[list(indices)])

    def fingerprint(self) -> str:
        digest = hashlib.blake2b(hash_of_files(self.files, self.what).encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.rows, np.int64).data)
        return digest.hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs: the table, which maps its files anew there."""
        made = {"chunks", "starts"}
        return {name: value for name, value in self.__dict__.items() if name not in made}
