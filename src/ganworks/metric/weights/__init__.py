"""Weights files of feature extractors: found, and the right ones, before anything is computed with them.

Nothing is downloaded: a file that is missing is an error that says what to put where. The list of all files is
`ganworks.metric.weights.known`; ``python -m ganworks.metric.weights`` shows which are there.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from ganworks.errors import GanworksError


@dataclass(frozen=True)
class WeightsFile:
    """A published weights file.

    Args:
        network: what it holds, in words.
        file_name: its name in torch.hub's folder, where the libraries that download it keep it too.
        address: where to download it.
        sha256: its SHA-256, or the leading digits of it where no more is known.
        size_mb: its size in MB, rounded.
        figures: what it is needed for.
    """

    network: str
    file_name: str
    address: str
    sha256: str
    size_mb: int
    figures: str

    @property
    def path(self) -> Path:
        """Where the file belongs: ``$TORCH_HOME/hub/checkpoints``, ~/.cache/torch by default."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.file_name

    def remedy(self, setting: str, without: str) -> str:
        """Return what to do where the file is missing; ``without`` is the configuration that needs none."""
        return (
            f"download {self.address} ({self.size_mb:,} MB) to that path, or say where the file is with "
            f"{setting}=PATH; {without}"
        )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits; a file that did not change is read once a process."""
    status = path.stat()
    return _sha256(path.resolve(), status.st_size, status.st_mtime_ns)


def verify_sha256(path: Path, sha256: str, remedy: str) -> str:
    """Return the SHA-256 of the file at ``path``.

    Args:
        sha256: what it must be, or how it must begin.

    Raises:
        GanworksError: no such file, or one with another hash; the message ends with ``remedy``.
    """
    if not path.is_file():
        raise GanworksError(f"The weights file {path} is missing; {remedy}.")
    found = file_sha256(path)
    if not found.startswith(sha256.lower()):
        raise GanworksError(f"The weights file {path} has SHA-256 {found}, expected {sha256}; {remedy}.")
    return found


@functools.lru_cache(maxsize=64)
def _sha256(path: Path, size: int, changed: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
