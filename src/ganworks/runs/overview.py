"""A run in a line: how it stands, how far it came, its best figure, what was set otherwise than by default."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganworks.errors import GanworksError
from ganworks.report import settings
from ganworks.report.record import Record, finite, read_config, read_rows, read_summary
from ganworks.run.explain import options_of
from ganworks.runs.find import last_written
from ganworks.words import short

PATIENCE = 600.0  # seconds without a word after which a run that says that it is running is called silent
# Groups in the order in which their settings stand in a line: what shapes the game comes first.
ORDER = ("data", "loss", "model", "regularizer", "augment", "optimizer", "task", "num_images", "seed")
ASIDE = ("metric.cache", "num_threads", "logger.")  # of the machine, or of the record
DAMAGED = "damaged"


@dataclass
class Overview:
    """What the files of a run say without its configuration, which takes longer to read.

    Attributes:
        record: the run; its configuration is empty until `read_settings`.
        name: what the run is called in the table.
        status: a status of summary.json, `silent` with the time since its last word, or `damaged`.
        metric: the name of the figure that picks the best checkpoint; "" where none was measured.
        value: its best; of a run that has not ended, its last.
        at: images seen when it was measured.
        is_best: whether ``value`` is the best of the run rather than the last.
        is_low: whether low values of the figure are good; None where nothing tells.
        differs: (setting, value) for what is set otherwise than by default.
    """

    record: Record
    name: str
    status: str
    metric: str = ""
    value: float | None = None
    at: int = 0
    is_best: bool = True
    is_low: bool | None = None
    differs: list[tuple[str, str]] = field(default_factory=list)

    @property
    def images(self) -> str:
        """The images seen, of how many."""
        total = finite(self.record.summary.get("num_images"))
        seen = short(self.record.images_seen)
        return seen if total is None or total <= self.record.images_seen else f"{seen} of {short(total)}"

    @property
    def figure(self) -> str:
        """The figure with its name and its place."""
        if self.value is None:
            return ""
        return f"{self.metric} {self.value:.4g} {'at' if self.is_best else 'last, at'} {short(self.at)}"

    def read_settings(self) -> None:
        """Read what was set otherwise than by default."""
        try:
            self.record.config = read_config(self.record.path)
        except GanworksError:
            self.status = DAMAGED
        self.differs = differs(self.record.config)


def overview(run_dir: Path, name: str) -> Overview:
    """Return the overview of a run directory, whatever state its files are in."""
    try:
        summary = read_summary(run_dir)
        record = Record(run_dir, summary)
        if not summary.get("best") or summary.get("status") == "running":  # is written when the run ends
            record.rows = read_rows(run_dir)
    except GanworksError:
        return Overview(Record(run_dir), name, DAMAGED)
    found = Overview(record, name, status(record))
    read_figure(found)
    return found


def status(record: Record) -> str:
    """Return the status of a run; one that is "running" but has written nothing for long is silent."""
    idle = time.time() - last_written(record.path)
    return f"silent {duration(idle)}" if record.status == "running" and idle > PATIENCE else record.status


def duration(seconds: float) -> str:
    """Return a time in its largest unit.

    >>> duration(700), duration(10_000), duration(300_000)
    ('11 min', '2 h', '3 d')
    """
    for size, unit in ((86_400, "d"), (3_600, "h")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds // 60:.0f} min"


def read_figure(found: Overview) -> None:
    """Set the figure of a run: the best that it has noted, or the last that it has logged."""
    record, best = found.record, found.record.summary.get("best") or {}
    monitor = record.summary.get("monitor") or {}  # runs of earlier versions lack it
    found.is_low = {"min": True, "max": False}.get(str(monitor.get("mode")))
    if finite(best.get("value")) is not None and record.status != "running":
        found.metric, found.value, found.at = best["metric"], best["value"], best.get("images_seen") or 0
        last = finite(record.metrics.get(found.metric))
        if found.is_low is None and last is not None and last != best["value"]:
            found.is_low = last > best["value"]
        return
    measured = [name for name in record.columns() if name.startswith("metric/")]
    measured.sort(key=lambda name: name != f"metric/{monitor.get('metric')}")
    if measured:
        x, y = record.column(measured[0])
        found.metric, found.value, found.at, found.is_best = measured[0][7:], y[-1], int(x[-1]), False


def differs(config: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (setting, value) of a run's configuration where it differs from the plain defaults.

    A run with the name of a shipped recipe differs by ``experiment=NAME``, and where it differs from that recipe.
    Another class stands as the group with the name of the class, ``loss=Hinge``, and what it has that the default has
    not comes last.
    """
    experiment = config.get("name") if config.get("name") in options_of("experiment") else None
    found = [] if experiment is None else [(-1, "experiment", str(experiment))]
    for name, (value, default) in settings.from_default(config, experiment):
        if (
            value == settings.ABSENT
            or (value, default) == ("null", settings.ABSENT)
            or name.startswith(ASIDE)
        ):
            continue
        if name.endswith("._target_"):
            found.append((0, name.removesuffix("._target_"), value.rpartition(".")[2]))
        else:
            found.append((int(default == settings.ABSENT), name, value))
    found.sort(key=lambda row: (row[0], place(row[1])))
    return [(name, value) for _, name, value in found]


def place(name: str) -> int:
    """Return where the settings of a group stand in a line."""
    group = name.partition(".")[0]
    return ORDER.index(group) if group in ORDER else len(ORDER)


def common(overviews: Iterable[Overview]) -> set[tuple[str, str]]:
    """Return what all runs have set alike; nothing of a single run."""
    sets = [set(found.differs) for found in overviews]
    return set.intersection(*sets) if len(sets) > 1 else set()


def in_short(differs: Iterable[tuple[str, str]], without: Collection[tuple[str, str]], room: int) -> str:
    """Return settings as on a command line in at most ``room`` letters, and how many more there are."""
    words = [f"{name}={value}" for name, value in differs if (name, value) not in without]
    kept = list(words)
    while len(kept) > 1 and len(" ".join(kept)) > room:
        kept.pop()
    return " ".join(kept) + (f" +{len(words) - len(kept)}" if len(words) > len(kept) else "")
