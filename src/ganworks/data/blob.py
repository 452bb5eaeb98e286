"""Images that are no files of their own: parts of a zip file, of a tar shard, of a table."""

from __future__ import annotations

import hashlib
import io
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

END = "it is cut off: the file that holds it ends before"


class Blob(ABC):
    """The content of an image file that lies inside of another file; stands where a path does.

    Args:
        name: what it is called there.
        size: its bytes there.
    """

    name: str
    size: int

    @abstractmethod
    def read_bytes(self) -> bytes:
        """Return the content, as `Path.read_bytes` does.

        Raises:
            OSError: the file that holds it cannot be read, or ends before.
        """

    def __str__(self) -> str:
        return self.name


Source = Path | Blob  # where an image is


def open_blob(source: Source) -> Path | BinaryIO:
    """Return what is decoded: a path, or the content of a blob as an open file."""
    return source if isinstance(source, Path) else io.BytesIO(source.read_bytes())


class Blobs(Protocol):
    """The contents of images, by index; what `ImageFiles` has where they are no files of their own."""

    def source(self, index: int, name: str) -> Source:
        """Return an image to decode."""

    def only(self, indices: Sequence[int]) -> Blobs:
        """Return these alone."""

    def fingerprint(self) -> str:
        """Return a hash that changes with the files that hold them."""


@dataclass(frozen=True)
class Stored(Blob):
    """Bytes of a file from one place to another.

    Args:
        pack: the file.
        start: where they begin.
        is_deflated: packed by the method that zip files call so.
    """

    name: str
    size: int
    pack: Path
    start: int
    is_deflated: bool = False

    def read_bytes(self) -> bytes:
        # Opened for each image: a handle that processes or threads share has one position.
        with self.pack.open("rb", buffering=0) as file:
            file.seek(self.start)
            content = file.read(self.size)
        if len(content) < self.size:
            raise OSError(END)
        if not self.is_deflated:
            return content
        try:
            return zlib.decompress(content, -zlib.MAX_WBITS)
        except zlib.error as error:
            raise OSError(f"it cannot be unpacked: {error}") from error


@dataclass(frozen=True)
class StoredBlobs:
    """Where images lie in some files: four numbers each, whatever they hold, for workers to share.

    Args:
        packs: the files.
        pack, start, size: of each image: number of its file, first byte, bytes: int64 (N,).
        is_deflated: bool (N,).
    """

    packs: Sequence[Path]
    pack: np.ndarray
    start: np.ndarray
    size: np.ndarray
    is_deflated: np.ndarray

    def source(self, index: int, name: str) -> Stored:
        pack = self.packs[self.pack[index]]
        return Stored(
            name, int(self.size[index]), pack, int(self.start[index]), bool(self.is_deflated[index])
        )

    def only(self, indices: Sequence[int]) -> StoredBlobs:
        rows = np.asarray(indices, np.int64)
        return StoredBlobs(
            self.packs, self.pack[rows], self.start[rows], self.size[rows], self.is_deflated[rows]
        )

    def fingerprint(self) -> str:
        digest = hashlib.blake2b(hash_of_files(self.packs).encode(), digest_size=16)
        for values in (self.pack, self.start, self.size):
            digest.update(np.ascontiguousarray(values, np.int64).data)
        return digest.hexdigest()


def hash_of_files(paths: Sequence[Path], *settings: object) -> str:
    """Return a hash of names, sizes and times of change of files, and of ``settings``."""
    digest = hashlib.blake2b(repr(settings).encode(errors="surrogateescape"), digest_size=16)
    for path in paths:
        status = path.stat()
        digest.update(
            f"{path.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape")
        )
    return digest.hexdigest()


class Names(Sequence[str]):
    """Many names in one array of bytes, which worker processes read without copying them.

    >>> names = Names.of(["a.png", "bc.png"])
    >>> names[1], len(names), list(names)
    ('bc.png', 2, ['a.png', 'bc.png'])
    """

    def __init__(self, text: np.ndarray, ends: np.ndarray) -> None:
        self.text, self.ends = text, ends

    @classmethod
    def of(cls, names: Sequence[str]) -> Names:
        """Return names as such an array."""
        parts = [name.encode(errors="surrogateescape") for name in names]
        ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
        return cls(np.frombuffer(b"".join(parts), np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        start = self.ends[index - 1] if index else 0
        return self.text[start : self.ends[index]].tobytes().decode(errors="surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))
