"""The charts of a search: what of its trials each of them shows, and how a trial looks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup
from optuna.distributions import BaseDistribution, CategoricalDistribution

from ganworks.chart import (
    Dot,
    Job,
    Marker,
    Thread,
    Trace,
    parallel_chart,
    scatter_chart,
    timeline_chart,
    trace_chart,
)
from ganworks.chart.frame import SMALL, UPRIGHT, WIDE
from ganworks.chart.scale import Axis, Choices, Scale, fit, range_scale, spans_decades
from ganworks.chart.tick import short
from ganworks.tuning.trials import Trial

UNITS = (("hours", 3600), ("minutes", 60), ("seconds", 1))
BEST = Marker("dot f1 best", 3.4)
MARKERS = {
    "finished": Marker("dot f0", 3.4),
    "pruned": Marker("dot hollow"),
    "bad": Marker("cross", 0),
    "running": Marker("dot f2"),
    "interrupted": Marker("dot f4"),
}
SPREAD = 20  # pixels that trials with the same option are spread over


def told(trial: Trial) -> str:
    """Return a trial in a line."""
    value = "" if trial.value is None else f" {trial.value:.4g}"
    point = ", ".join(f"{name}={short(setting)}" for name, setting in trial.params.items())
    return f"trial {trial.number}, {trial.status}{value}: {point}"


def progress(
    title: str, unit: str, points: Sequence[tuple[float, Trial, float | None]], best: Trial | None
) -> Markup:
    """Return the values of trials over ``unit``, as (position, trial, best value until then), and the best so far."""
    last = max((at for at, _, _ in points), default=1.0)
    levels = [(at, value) for at, _, value in points if value is not None]
    dots = [dot(at, trial, best) for at, trial, _ in points if trial.value is not None]
    return scatter_chart(
        title,
        dots,
        range_scale(0.0, last, *SMALL.x_ends),
        value_scale((trial.value for _, trial, _ in points), *SMALL.y_ends),
        f"{title}: the value of each trial over {unit}, and the best so far.",
        unit,
        levels + [(last, value) for _, value in levels[-1:]],
    )


def slice_of(
    name: str, distribution: BaseDistribution, trials: Sequence[Trial], best: Trial | None
) -> Markup:
    """Return the values of trials over one parameter."""
    shown = best_last([trial for trial in trials if name in trial.params and trial.value is not None], best)
    left, right = SMALL.x_ends
    x = axis_of(distribution, left + 8, right - 8)
    y = value_scale((trial.value for trial in shown), *SMALL.y_ends)
    spread = SPREAD if isinstance(x, Choices) else 0
    # Multiples of the golden ratio: trials in a row stand apart, and each keeps its place as more come.
    dots = [dot(t.params[name], t, best, ((t.number * 0.618) % 1 - 0.5) * spread) for t in shown]
    return scatter_chart(name, dots, x, y, f"The value of each trial over {name}.")


def learning(trials: Sequence[Trial], metric: str, best: Trial | None) -> Markup:
    """Return the learning curves of all trials, those that were ended early among them."""
    shown = best_last([trial for trial in trials if trial.curve], best)
    traces = []
    for trial in shown:
        # What was ended early or goes on ends in a mark; a single point would not be seen without one.
        is_marked = trial.status in ("pruned", "running") or trial.kind == "bad" or len(trial.curve) == 1
        kind, end = "best" if trial is best else trial.kind, MARKERS[trial.kind] if is_marked else None
        traces.append(Trace(trial.curve, f"path {kind}", told(trial), end))
    x = range_scale(0.0, max((trial.curve[-1][0] for trial in shown), default=1), *WIDE.x_ends)
    y = value_scale((value for trial in shown for _, value in trial.curve), *WIDE.y_ends)
    return trace_chart(metric, traces, x, y, f"{metric} of each trial over images seen.", "images seen")


def parallel(
    dimensions: dict[str, BaseDistribution], trials: Sequence[Trial], metric: str, best: Trial | None
) -> Markup:
    """Return parallel coordinates: a line a finished trial through its parameters to its value."""
    shown = [trial for trial in trials if trial.is_sound]
    axes = {name: axis_of(distribution, *UPRIGHT.y_ends) for name, distribution in dimensions.items()}
    values = value_scale((trial.value for trial in shown), *UPRIGHT.y_ends)
    threads = []
    for rank, trial in enumerate(shown):
        places = [axis(trial.params[name]) if name in trial.params else None for name, axis in axes.items()]
        kind = "best" if trial is best else "good" if rank < len(shown) // 5 else ""
        threads.append(Thread([*places, values(trial.value or 0.0)], f"path {kind}", told(trial)))
    alt = f"Each finished trial as a line through {', '.join(dimensions)} to its {metric}."
    return parallel_chart([*axes.items(), (metric, values)], threads[::-1], alt)  # the best on top


def timeline(trials: Sequence[Trial]) -> Markup:
    """Return what each worker did when: a bar a trial."""
    shown = [(trial, trial.start) for trial in trials if trial.start is not None]
    first = min(start for _, start in shown)
    last = max(trial.end or start for trial, start in shown)
    span = (last - first).total_seconds()
    unit, size = next((unit, size) for unit, size in UNITS if span > 3 * size or size == 1)
    jobs = [
        Job(
            str(trial.facts.get("worker") or "?"),
            (start - first).total_seconds() / size,
            ((trial.end or last) - first).total_seconds() / size,
            trial.kind,
            told(trial),
        )
        for trial, start in shown
    ]
    alt = f"When each of {len({job.lane for job in jobs})} workers trained which trial."
    return timeline_chart(jobs, alt, f"{unit} since the first trial")


def dot(x: object, trial: Trial, best: Trial | None, nudge: float = 0.0) -> Dot:
    """Return the mark of a trial at its value, with its number, status and value as its tooltip."""
    return Dot(x, trial.value or 0.0, BEST if trial is best else MARKERS[trial.kind], told(trial), nudge)


def best_last(trials: Sequence[Trial], best: Trial | None) -> list[Trial]:
    """Return the trials with the best one at the end: it is drawn on top."""
    return sorted(trials, key=lambda trial: trial is best)


def value_scale(values: Iterable[float | None], start: float, end: float) -> Scale:
    """Return the scale of trials' values, logarithmic where they span a factor of ten."""
    known = [value for value in values if value is not None]
    return fit(known, start, end, spans_decades(known, 1))


def axis_of(distribution: BaseDistribution, start: float, end: float) -> Axis:
    """Return the axis of a parameter: its range, or its options."""
    if isinstance(distribution, CategoricalDistribution):
        return Choices(distribution.choices, start, end)
    low, high = float(distribution.low), float(distribution.high)  # type: ignore[attr-defined]
    return range_scale(low, high, start, end, bool(distribution.log))  # type: ignore[attr-defined]
