"""Which scalar goes to which chart: one a quantity for a run, one a scalar with a line a run for several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ganworks.chart import Band, Chart, Series, line_chart
from ganworks.chart.line import NUM_POINTS
from ganworks.report.record import Record, finite

SIDES = {"generator": 0, "discriminator": 1, "fake": 0, "real": 2}  # what shares a chart, and its colour
SECTIONS = ("Metrics", "Losses and gradients", "Logits", "Signals of the doctor", "Pace")
LOGITS = ("auc", "sign", "slope")
MANY_POINTS = 9_000  # points of all charts of a page together
FEW_POINTS = 40  # points a line at least


@dataclass(frozen=True)
class Section:
    """Charts under one heading, and what was logged but never moved, as (name, value)."""

    title: str
    charts: list[Markup]
    still: list[tuple[str, float]]


def sections(records: Sequence[Record]) -> list[Section]:
    """Return the charts of everything that was logged; a signal of the doctor that never moves needs none."""
    charts = [(heading(names[0]), chart_of(names, records)) for names in groups(records)]
    num_lines = sum(len(chart.series) for _, chart in charts)
    num_points = max(FEW_POINTS, min(NUM_POINTS, MANY_POINTS // max(num_lines, 1)))
    found = []
    for title in SECTIONS:
        here = [chart for name, chart in charts if name == title]
        still = [chart for chart in here if title == SECTIONS[3] and len(values(chart)) == 1]
        drawn = [line_chart(chart, num_points) for chart in here if chart not in still]
        found.append(Section(title, drawn, [(chart.title, values(chart).pop()) for chart in still]))
    return [section for section in found if section.charts or section.still]


def values(chart: Chart) -> set[float]:
    """Return the different values of a chart's lines."""
    return {value for series in chart.series for value in series.y}


def groups(records: Sequence[Record]) -> list[list[str]]:
    """Return the scalars of each chart: both networks share one where a single run is shown."""
    known = dict.fromkeys(name for record in records for name in record.columns())
    names = [name for name in known if twin(name) not in known]
    if len(records) > 1:
        return [[name] for name in names]
    together: dict[str, list[str]] = {}
    for name in names:
        together.setdefault(split(name)[0], []).append(name)
    return [sorted(names, key=lambda name: SIDES.get(split(name)[1], 0)) for names in together.values()]


def twin(name: str) -> str:
    """Return the scalar of the training that says the same as one of the doctor; "" where there is none.

    >>> twin("doctor/generator_gradient_norm"), twin("doctor/auc")
    ('train/generator/gradient_norm', '')
    """
    kind, _, term = name.partition("/")
    side, _, norm = term.partition("_")
    return f"train/{side}/{norm}" if kind == "doctor" and norm == "gradient_norm" else ""


def split(name: str) -> tuple[str, str]:
    """Return a scalar's quantity, and the side that it is of; "" where it is of none.

    >>> split("train/generator/gradient_norm"), split("doctor/fake_low"), split("metric/recall")
    (('train/gradient_norm', 'generator'), ('doctor/low', 'fake'), ('metric/recall', ''))
    """
    kind, _, term = name.partition("/")
    for side in SIDES:
        if term.startswith((f"{side}/", f"{side}_")):
            return f"{kind}/{term[len(side) + 1 :]}", side
    return name, ""


def heading(name: str) -> str:
    """Return the section that a scalar belongs to."""
    kind, _, term = split(name)[0].partition("/")
    if kind == "metric":
        return "Metrics"
    if "logit" in term or term in LOGITS:
        return "Logits"
    if "gradient_norm" in term or term in ("gradient_ratio", "update_ratio"):
        return "Losses and gradients"
    if kind == "doctor":
        return "Signals of the doctor"
    return "Pace" if term in ("lr", "images_per_second") else "Losses and gradients"


def chart_of(names: Sequence[str], records: Sequence[Record]) -> Chart:
    """Return the chart of the scalars ``names``."""
    several = len(records) > 1
    lines = [(record, index, name) for index, record in enumerate(records) for name in names]
    series = [
        Series(record.label, *record.column(name), color=index)
        if several
        else Series(split(name)[1] or "this run", *record.column(name), color=SIDES.get(split(name)[1], 0))
        for record, index, name in lines
    ]
    kind, _, metric = names[0].partition("/")
    whole, side = split(names[0])
    title = whole.partition("/")[2] or names[0]
    return Chart(
        title=title.replace("_", " ") + (f", {side}" if several and side else ""),
        note="seen by the doctor" if kind == "doctor" else "",
        series=[one for one in series if one.x],
        x_range=(0.0, float(max(1, *(record.images_seen for record in records)))),
        bands=list(episodes(records)),
        rules=floors(metric, records) if kind == "metric" else (),
    )


def floors(metric: str, records: Iterable[Record]) -> list[tuple[float, str]]:
    """Return what held-out real data scores, where the runs agree on it."""
    values = {finite((record.summary.get("floor") or {}).get(metric)) for record in records}
    return (
        [(value, "held-out real data") for value in values if value is not None] if len(values) == 1 else []
    )


def episodes(records: Sequence[Record]) -> Iterable[Band]:
    """Yield the doctor's episodes as bands; those of several runs as strips in the colours of the runs."""
    several = len(records) > 1
    for index, record in enumerate(records):
        for number, episode in enumerate(record.episodes, 1):
            start, end = finite(episode.get("since")), finite(episode.get("until"))
            rule = rule_of(episode)
            yield Band(
                start or 0.0,
                record.images_seen if end is None else end,
                f"{record.label}: {rule}" if several else rule,
                kind=kind_of(episode),
                mark="" if several else str(number),
                lane=index % 3 if several else None,
                color=index,
            )


def rule_of(episode: dict) -> str:
    """Return the name of an episode's rule in words."""
    return str(episode.get("rule") or "").replace("_", " ").replace("-", " ")


def kind_of(episode: dict) -> str:
    """Return how bad an episode is: critical, warning or info."""
    severity = str(episode.get("severity", "warning")).lower()
    if severity in ("critical", "error", "fatal"):
        return "critical"
    return "info" if severity in ("info", "note", "notice") else "warning"
