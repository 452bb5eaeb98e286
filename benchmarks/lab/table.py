"""The table of a bench as Markdown: mean and deviation over the seeds, the floor, published rows, failures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from lab.bench import Bench, Column, Published, Row

Summaries = Mapping[str, Sequence[Mapping[str, Any]]]  # of each row, in the order of the seeds


def values_of(summaries: Sequence[Mapping[str, Any]], column: Column) -> list[float]:
    """Return the figure of each run that has it."""
    found = (column.read(summary.get("metrics") or {}) for summary in summaries if is_counted(summary))
    return [value for value in found if value is not None and math.isfinite(value)]


def is_counted(summary: Mapping[str, Any]) -> bool:
    """Say whether a run has figures that count: it reached its end, or the limit of time that it was given."""
    return summary["status"] in ("finished", "stopped")


def table(bench: Bench, rows: Sequence[Row], summaries: Summaries) -> str:
    """Return the table; rows of a group stand together under its name, published ones first."""
    has_cost = any(row.compare for row in rows)
    titles = [
        "",
        *(column.title for column in bench.columns),
        *(["time of a step"] if has_cost else []),
        "runs",
    ]
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)]]
    group = ""
    everything: list[Row | Published] = [*bench.published, *rows]
    for row in sorted(everything, key=lambda row: groups(everything).index(row.group)):
        if row.group != group:
            group = row.group
            lines.append([f"**{group}**", *[""] * (len(titles) - 1)])
        if isinstance(row, Published):
            lines.append(published_cells(row, bench.columns, has_cost))
        else:
            lines.append(cells(row, bench.columns, summaries, has_cost))
    lines.append(floor_cells(bench.columns, summaries, len(titles)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def groups(rows: Sequence[Row | Published]) -> list[str]:
    """Return the names of the groups in their order."""
    return list(dict.fromkeys(row.group for row in rows))


def cells(row: Row, columns: Sequence[Column], summaries: Summaries, has_cost: bool) -> list[str]:
    """Return the cells of a row of runs."""
    mine = summaries[row.name]
    figures = [mean_and_deviation(values_of(mine, column), column) for column in columns]
    cost = [step_cost(mine, summaries[row.compare]) if row.compare in summaries else ""] if has_cost else []
    return [row.name + row.label, *figures, *cost, how_ended(mine)]


def published_cells(row: Published, columns: Sequence[Column], has_cost: bool) -> list[str]:
    """Return the cells of a row of a paper."""
    values = [column.read(row.values) for column in columns]
    shown = ["" if v is None else c.show(v) for v, c in zip(values, columns, strict=True)]
    return [f"*{row.name}*", *shown, *([""] if has_cost else []), row.source]


def floor_cells(columns: Sequence[Column], summaries: Summaries, num: int) -> list[str]:
    """Return the row of what real samples get that stand in for the fakes, the mean over all runs."""
    floors = [s["floor"] for runs in summaries.values() for s in runs if is_counted(s) and s.get("floor")]
    shown = []
    for column in columns:
        values = [value for floor in floors if (value := column.read(floor)) is not None]
        shown.append(column.show(statistics.mean(values)) if values else "")
    return ["real samples", *shown, *[""] * (num - 1 - len(columns))]


def mean_and_deviation(values: Sequence[float], column: Column) -> str:
    """Return the mean, and the standard deviation over the seeds (with n - 1) where there are several."""
    if not values:
        return "–"
    deviation = f" ± {column.show(statistics.stdev(values))}" if len(values) > 1 else ""
    return column.show(statistics.mean(values)) + deviation


def step_cost(mine: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]]) -> str:
    """Return the time of an image relative to that of ``base``: the median over the seeds that both have.

    CPU time where the summaries have it, which a busy machine disturbs less, else that of the clock.
    """
    pairs = [(a, b) for a, b in zip(mine, base, strict=True) if is_counted(a) and is_counted(b)]
    ratios = [time_of_image(a) / time_of_image(b) for a, b in pairs]
    return f"{statistics.median(ratios):.2f}" if ratios else ""


def time_of_image(summary: Mapping[str, Any]) -> float:
    """Return the seconds that a run took for an image, evaluation excluded."""
    cpu = summary.get("cpu_seconds_per_image")
    return cpu if cpu else 1 / max(summary["images_per_second"], 1e-9)


def how_ended(summaries: Sequence[Mapping[str, Any]]) -> str:
    """Return how many runs there are, and how those ended that did not finish."""
    statuses = [summary["status"] for summary in summaries]
    num = sum(status == "finished" for status in statuses)
    others = [f"{statuses.count(s)} {s}" for s in dict.fromkeys(statuses) if s != "finished"]
    return ", ".join([*([str(num)] if num or not others else []), *others])


def failures(rows: Sequence[Row], summaries: Summaries) -> list[str]:
    """Return a line for each row with runs that ended early: how, and the first error."""
    lines = []
    for row in rows:
        bad = [s for s in summaries[row.name] if s["status"] not in ("finished", "stopped", "missing")]
        errors = [str(summary.get("error") or "").splitlines()[:1] for summary in bad]
        told = next((error[0] for error in errors if error), "")
        if bad:
            lines.append(f"- {row.name}: {how_ended(summaries[row.name])}. {told}".rstrip())
    return lines


def is_complete(summaries: Summaries) -> bool:
    """Say whether all runs have ended, in whatever way."""
    going = ("missing", "running", "interrupted")
    return all(summary["status"] not in going for runs in summaries.values() for summary in runs)
