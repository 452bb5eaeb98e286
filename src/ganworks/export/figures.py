"""The figures that belong to exported weights, and what stands beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ganworks.logger import AXIS
from ganworks.report.record import Record, finite

PREFIX = "metric/"


@dataclass
class Figures:
    """What was measured of weights.

    Attributes:
        values: by the figure's name; empty where nothing was measured of these weights.
        beside: the same of real samples and of what no network made, by the name of the line.
        contract: what the figures depend on.
        num_evaluations: that these weights were picked from.
    """

    values: dict[str, float] = field(default_factory=dict)
    beside: dict[str, dict[str, float]] = field(default_factory=dict)
    contract: dict[str, Any] = field(default_factory=dict)
    num_evaluations: int = 1


def figures_of(record: Record | None, images_seen: int | None, num_evaluations: int = 1) -> Figures:
    """Return the figures that a run measured at ``images_seen``, those of its other weights left out.

    Args:
        record: of the run; None without one.
        images_seen: by the weights.
        num_evaluations: that the weights were picked from.
    """
    if record is None or images_seen is None:
        return Figures()
    summary = record.summary
    rows = [row for row in record.rows if row[AXIS] == images_seen]
    values = {name[len(PREFIX) :]: row[name] for row in rows for name in row if name.startswith(PREFIX)}
    if summary.get("images_seen") == images_seen and summary.get("metrics"):
        values = summary["metrics"]  # the last evaluation, in the order of the suite
    found = {name: value for name in values if (value := finite(values[name])) is not None}
    if not found:
        return Figures()
    known = summary.get("metrics") or found
    order = [*(name for name in known if name in found), *(name for name in found if name not in known)]
    lines = {"held-out real data": summary.get("floor") or {}, **(summary.get("baselines") or {})}
    beside = {line: figures for line, figures in lines.items() if any(name in figures for name in found)}
    contract = {**(summary.get("contract") or {})}
    if contract:
        contract["num_evaluations"] = num_evaluations
    return Figures({name: found[name] for name in order}, beside, contract, num_evaluations)
