"""Which files a run has trained on: written into its checkpoints, compared when it is resumed."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import torch
from torch import Tensor

from ganworks.data.files import ImageFiles, size_and_time

NUM_NAMED = 3


def record_of(files: ImageFiles) -> dict[str, Any]:
    """Return what tells these files from others: a number for each by its name and size, and a hash of all labels.

    Four bytes a file, whatever they are called: int32 (N,), in the order of the names.
    """
    sums = [
        zlib.crc32(f"{name}\0{size_and_time(files.path(index))[0]}".encode(errors="surrogateescape"))
        for index, name in enumerate(files.names)
    ]
    return {"files": (torch.tensor(sums, dtype=torch.int64) - 2**31).int(), "labels": hash_of(files.labels)}


def hash_of(labels: Tensor | None) -> str | None:
    """Return a hash of labels; None where there are none."""
    if labels is None:
        return None
    return hashlib.blake2b(labels.contiguous().numpy().data, digest_size=16).hexdigest()


def differences(before: dict[str, Any], files: ImageFiles) -> str | None:
    """Return in words how ``files`` differ from those of an earlier record; None where they do not."""
    now = record_of(files)
    then, here = before["files"].tolist(), now["files"].tolist()
    known, there = set(then), set(here)
    new = [name for name, number in zip(files.names, here, strict=True) if number not in known]
    num_gone = sum(number not in there for number in then)
    parts = []
    if num_gone:
        parts.append(f"{num_gone:,} of its {len(then):,} files are gone or have another size")
    if new:
        more = ", ..." if len(new) > NUM_NAMED else ""
        parts.append(f"{len(new):,} are new or have another size ({', '.join(new[:NUM_NAMED])}{more})")
    if not parts and len(then) != len(here):
        parts.append(f"it has {len(here):,} files, and had {len(then):,}")
    if not parts and now["labels"] != before["labels"]:
        parts.append("the labels are others")
    return " and ".join(parts) or None
