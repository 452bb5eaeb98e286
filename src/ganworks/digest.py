"""Files of tensors that say themselves whether they are as they were written.

A checkpoint carries the SHA-256 of all before it as the comment of the zip file that `torch.save` writes; a
.safetensors file that of all of itself, with zeros in the digest's place, in the metadata of its header. Both stay
files that every reader of their format takes, and files without a digest are read as they are.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from ganworks.staged import staged

MARK = b"ganworks sha256 "
SEAL = len(MARK) + 64  # bytes of a checkpoint's comment
END = b"PK\x05\x06"  # begins the last 22 bytes of a zip file without a comment
KEY, EMPTY = "sha256", b"0" * 64
MAX_HEADER = 100_000_000  # bytes, as the format has it
CHUNK = 2**22


class DamagedError(ValueError):
    """A file is not what was written."""


class Hashed:
    """A file opened for writing that takes the digest of what passes.

    Attributes:
        error: what the disk said; `torch.save` hides it behind an error of its own.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.hash, self.tail = file, hashlib.sha256(), b""
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all but the last two bytes, which stay back in ``tail``: the length of the zip file's comment."""
        view = memoryview(data)
        if len(view) < 2:
            view = memoryview(self.tail + bytes(view))
        else:
            self.put(self.tail)
        self.put(view[:-2])
        self.tail = bytes(view[-2:])
        return len(data)

    def put(self, data: bytes | memoryview) -> None:
        """Write ``data`` as it is."""
        try:
            self.file.write(data)
        except OSError as error:
            self.error = error
            raise
        self.hash.update(data)

    def flush(self) -> None:
        """Do nothing: the file is flushed when it is closed."""


def write_checkpoint(content: Mapping[str, Any], path: Path) -> None:
    """Write what `torch.load` reads to ``path``, with its digest.

    Raises:
        OSError: the disk is full, or takes no writing.
    """
    with path.open("wb") as file:
        hashed = Hashed(file)
        try:
            torch.save(content, hashed)  # type: ignore[arg-type]
        except RuntimeError:
            if hashed.error is not None:
                raise hashed.error from None
            raise
        hashed.put(SEAL.to_bytes(2, "little"))
        file.write(MARK + hashed.hash.hexdigest().encode())


def check_checkpoint_digest(path: Path) -> None:
    """Raise `DamagedError` unless the checkpoint's digest is that of its content; one without a digest passes."""
    with path.open("rb") as file:
        is_zip = file.read(2) == END[:2]
        size = file.seek(0, 2)
        file.seek(max(0, size - SEAL))
        seal = file.read()
        if seal.startswith(MARK):
            found = hash_of(chunks(file, 0, size - SEAL))
            if found != seal.removeprefix(MARK).decode(errors="replace"):
                raise DamagedError("its content is not what its digest says")
        elif is_zip and seal[-22:-18] != END:
            raise DamagedError("its end is not what was written")


def save_tensors(tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Write ``tensors`` to the .safetensors file ``path`` with their digest, complete or not at all."""
    whole = save(dict(tensors), {KEY: EMPTY.decode()})
    start = 8 + int.from_bytes(whole[:8], "little")
    digest = hashlib.sha256(whole).hexdigest().encode()
    with staged(path) as temporary, temporary.open("wb") as file:
        file.write(whole[:start].replace(slot(EMPTY), slot(digest), 1))
        file.write(memoryview(whole)[start:])


def load_tensors(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file.

    Raises:
        DamagedError: they are not those that were written; where the file has no digest nobody can tell.
        OSError, SafetensorError: there is no file, or it is of another form.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
    check_tensors_digest(path)
    return load_file(path)


def check_tensors_digest(path: Path) -> None:
    """Raise `DamagedError` unless the digest in a .safetensors file is that of its content; one without passes."""
    with path.open("rb") as file:
        length = file.read(8)
        num = int.from_bytes(length, "little")
        header = file.read(num) if num <= MAX_HEADER else b""
        try:
            metadata = json.loads(header).get("__metadata__", {})
            digest = metadata.get(KEY)
        except (ValueError, AttributeError):
            return  # the library that reads the file says what is wrong
        if digest is None and len(metadata) == 1 and len(next(iter(metadata.values()))) == len(EMPTY):
            raise DamagedError("its header is not what was written")
        if digest is None:
            return
        empty = header.replace(slot(str(digest).encode()), slot(EMPTY), 1)
        if hash_of(chunks(file, 8 + num, None, length + empty)) != digest:
            raise DamagedError("its content is not what its digest says")


def slot(digest: bytes) -> bytes:
    """Return the digest as the header spells it."""
    return b'"%s":"%s"' % (KEY.encode(), digest)


def hash_of(parts: Iterator[bytes]) -> str:
    """Return the SHA-256 of parts, in hexadecimal."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def chunks(file: BinaryIO, start: int, stop: int | None, before: bytes = b"") -> Iterator[bytes]:
    """Yield ``before`` and the bytes of ``file`` from ``start`` to ``stop``, or to its end."""
    yield before
    file.seek(start)
    while part := file.read(CHUNK if stop is None else min(CHUNK, stop - file.tell())):
        yield part
