"""What a run directory tells, whatever of it is there: a run that was killed has no figures, an old one no doctor."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ganworks.errors import GanworksError, SettingError
from ganworks.logger import AXIS, read_metrics

Rows = list[dict[str, float]]


@dataclass
class Record:
    """A run as its files tell it.

    Attributes:
        path: the run directory.
        summary: content of summary.json; empty where there is none.
        config: content of config.yaml in plain types; empty where there is none.
        rows: rows of metrics.csv.
        grids: pictures of samples and the images seen at each, ascending.
        label: what the run is called beside others.
    """

    path: Path
    summary: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    rows: Rows = field(default_factory=list)
    grids: list[tuple[int, Path]] = field(default_factory=list)
    label: str = ""

    @property
    def name(self) -> str:
        return str(self.config.get("name") or self.path.name)

    @property
    def status(self) -> str:
        return str(self.summary.get("status") or "unknown")

    @property
    def images_seen(self) -> int:
        """Images that the run has seen, by the latest file that says so."""
        return int(max(self.summary.get("images_seen") or 0, self.rows[-1][AXIS] if self.rows else 0))

    @property
    def metrics(self) -> dict[str, Any]:
        """Figures of the last evaluation; of a run without a summary of them, as metrics.csv has them."""
        logged = {name[7:]: row[name] for row in self.rows for name in row if name.startswith("metric/")}
        return self.summary.get("metrics") or logged

    @property
    def doctor(self) -> dict[str, Any]:
        """What the doctor found: verdict, episodes, restores; empty where it did not look."""
        return self.summary.get("doctor") or {}

    @property
    def episodes(self) -> list[dict[str, Any]]:
        return list(self.doctor.get("episodes") or ())

    def columns(self) -> list[str]:
        """Return the names of everything that was logged, in the order of first appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row if name != AXIS))

    def column(self, name: str) -> tuple[list[float], list[float]]:
        """Return positions and values of a scalar; both empty where it was never logged."""
        points = [(row[AXIS], row[name]) for row in self.rows if name in row]
        return [x for x, _ in points], [y for _, y in points]


def read(path: Path) -> Record:
    """Return the record of the run directory ``path``.

    Raises:
        SettingError: the directory is not there, or holds no run.
        GanworksError: a file of it is damaged.
    """
    if not path.is_dir():
        siblings = map(str, path.parent.iterdir()) if path.parent.is_dir() else ()
        raise SettingError("run", path, "an existing run directory", siblings)
    if not is_run(path):
        raise SettingError("run", path, "a run directory, with config.yaml in it")
    return Record(path, read_summary(path), read_config(path), read_rows(path), find_grids(path))


def read_all(paths: Sequence[Path]) -> list[Record]:
    """Return the records of several run directories, with labels that tell them apart."""
    records = [read(path) for path in paths]
    names = [record.name for record in records]
    tails = [f"{record.name} {record.path.resolve().name}" for record in records]
    for record, name, tail in zip(records, names, tails, strict=True):
        record.label = name if names.count(name) == 1 else tail
        if names.count(name) > 1 and tails.count(tail) > 1:
            record.label = str(record.path)
    return records


def is_run(path: Path) -> bool:
    """Say whether ``path`` is the directory of a run."""
    return (path / "config.yaml").is_file() or (path / "summary.json").is_file()


def runs_in(path: Path) -> list[Path]:
    """Return ``path``, or the runs right below it where it is a folder of runs, as a sweep writes one."""
    below = [path] if is_run(path) or not path.is_dir() else sorted(p for p in path.iterdir() if is_run(p))
    return below or [path]


def read_summary(path: Path) -> dict[str, Any]:
    """Return the content of summary.json; an empty mapping where there is none."""
    file = path / "summary.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError as error:
        raise GanworksError(f"{file} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise GanworksError(f"{file} is damaged: it holds no mapping")
    return content


def read_config(path: Path) -> dict[str, Any]:
    """Return the content of config.yaml in plain types; an empty mapping where there is none."""
    file = path / "config.yaml"
    try:
        content = OmegaConf.to_container(OmegaConf.load(file)) if file.is_file() else {}
    except Exception as error:
        raise GanworksError(f"{file} is damaged: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise GanworksError(f"{file} is damaged: it holds no settings")
    return {str(name): value for name, value in content.items()}


def read_rows(path: Path) -> Rows:
    """Return the rows of metrics.csv."""
    file = path / "metrics.csv"
    try:
        rows = read_metrics(file)
    except (ValueError, OSError) as error:
        raise GanworksError(f"{file} is damaged: {error}") from error
    return sorted(rows, key=lambda row: row[AXIS])


def find_grids(path: Path) -> list[tuple[int, Path]]:
    """Return the pictures in samples/ with the images seen at each."""
    files = [
        file for file in (path / "samples").glob("*") if file.suffix in (".png", ".txt") and file.is_file()
    ]
    return sorted((int(file.stem), file) for file in files if file.stem.isdecimal())


def finite(value: Any) -> float | None:
    """Return ``value`` where it is a finite number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None
