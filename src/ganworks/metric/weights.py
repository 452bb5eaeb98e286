"""Weights files of feature extractors: found, and the right ones, before anything is computed with them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ganworks.errors import GanworksError


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def verify_sha256(path: Path, sha256: str, remedy: str) -> None:
    """Raise `GanworksError` with the ``remedy`` unless ``path`` is a file whose SHA-256 is ``sha256``."""
    if not path.is_file():
        raise GanworksError(f"The weights file {path} is missing; {remedy}.")
    found = file_sha256(path)
    if found != sha256:
        raise GanworksError(f"The weights file {path} has SHA-256 {found}, expected {sha256}; {remedy}.")
