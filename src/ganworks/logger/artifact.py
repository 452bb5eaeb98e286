"""Which of a run's checkpoints and generators a tracking server gets, and under which names."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganworks.errors import check_choice

CHOICES = ("none", "best", "all")


@dataclass(frozen=True)
class Artifact:
    """A file or folder of a run that a tracking server may keep.

    Args:
        path: of the file or the folder, which later ones replace.
        kind: ``checkpoint`` or ``generator``.
        aliases: names of this version of it.
        metadata: plain types that are kept beside it.
    """

    path: Path
    kind: str
    aliases: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)


def aliases_of(best: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the best version: a Fréchet distance goes by `fd` without its extractor.

    >>> aliases_of({"metric": "fd_digits", "value": 0.9812}), aliases_of({"metric": "fid", "value": 12.3})
    (('best', 'fd-0.98'), ('best', 'fid-12.30'))
    """
    if "value" not in best:
        return ()
    metric, value = str(best["metric"]), float(best["value"])
    name = "fd" if metric.startswith("fd_") else metric
    return ("best", f"{name}-{value:.2f}" if abs(value) >= 0.1 else f"{name}-{value:.3g}")


class KeepsArtifacts:
    """A logger that uploads what its setting ``artifacts`` names.

    "none" nothing; "best" the best checkpoint and the generator when the run ends; "all" each checkpoint and
    generator as it is written.
    """

    artifacts: str = "none"

    def choose_artifacts(self, artifacts: str) -> None:
        """Take the setting ``artifacts``; raise `SettingError` for another choice."""
        self.artifacts = check_choice("artifacts", artifacts, CHOICES)
        self._waiting: dict[str, Artifact] = {}

    def keep_artifact(self, artifact: Artifact) -> None:
        """Upload ``artifact`` now or at the end of the run, or not at all."""
        if self.artifacts == "all":
            self.upload(artifact)
        elif self.artifacts == "best" and (artifact.kind == "generator" or "best" in artifact.aliases):
            self._waiting[artifact.kind] = artifact

    def upload_waiting(self) -> None:
        """Upload what waited for the end of the run."""
        while self._waiting:
            self.upload(self._waiting.popitem()[1])

    @abstractmethod
    def upload(self, artifact: Artifact) -> None:
        """Send ``artifact`` as it is now; it may be replaced as soon as this returns."""
