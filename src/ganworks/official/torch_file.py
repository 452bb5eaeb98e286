"""Files of `torch.save`, which may come from a stranger."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import torch

from ganworks.errors import GanworksError
from ganworks.official.allowed import UnsafeError
from ganworks.sample.build import reason

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # a file of torch before its zip format begins so


def is_torch(path: Path) -> bool:
    """Whether a file was written by `torch.save`, in its present form or the one before."""
    with path.open("rb") as file:
        start = file.read(len(LEGACY))
    return start == LEGACY or start.startswith(b"PK\x03\x04") or is_zipfile(path)


def read_torch(path: Path) -> Any:
    """Return the content of a file of `torch.save`; torch itself refuses what would run code.

    The settings of a training beside the weights may be a `Namespace`, which is a plain holder of values.
    """
    try:
        check_zip(path)
        with torch.serialization.safe_globals([Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnsafeError:
        raise
    except Exception as error:  # a damaged pickle raises about anything
        refused = next(
            (line for line in str(error).split("\n") if "nsupported" in line or "GLOBAL" in line), None
        )
        if refused is not None:
            raise UnsafeError(
                f"{path} is not read: {refused.strip()[:200]} Allowed are tensors and plain values."
                " Nothing of it was run."
            ) from error
        raise GanworksError(
            f"{path} is no complete file of weights: damaged, cut off or of another kind ({reason(error)})."
        ) from error


def check_zip(path: Path) -> None:
    """Raise `UnsafeError` for a zip file that unpacks to more than its own size; torch packs nothing."""
    if not is_zipfile(path):
        return
    with ZipFile(path) as file:
        unpacked = sum(each.file_size for each in file.infolist())
    if unpacked > path.stat().st_size:
        raise UnsafeError(f"{path} is not read: it would unpack to {unpacked:,} bytes, more than its own.")
