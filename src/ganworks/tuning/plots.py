"""The plots of a search, on the scales and in the style of a run's report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from markupsafe import Markup
from optuna.distributions import BaseDistribution

from ganworks.report.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axes, figure, named, path, svg
from ganworks.report.scale import Scale, fit, spans_decades
from ganworks.tuning.trials import Trial, is_choice

UNITS = (("hours", 3600), ("minutes", 60), ("seconds", 1))
WIDE = 900  # width of a drawing that spans the page
MARKS = {
    "finished": '<circle class="dot f0" cx="{0:.1f}" cy="{1:.1f}" r="3.4"/>',
    "pruned": '<circle class="dot hollow" cx="{0:.1f}" cy="{1:.1f}" r="2.8"/>',
    "bad": '<path class="cross" d="M{0:.1f} {1:.1f}m-3-3l6 6m0-6l-6 6"/>',
    "running": '<circle class="dot f2" cx="{0:.1f}" cy="{1:.1f}" r="2.8"/>',
    "interrupted": '<circle class="dot f4" cx="{0:.1f}" cy="{1:.1f}" r="2.8"/>',
}
Point = tuple[float, float]


def mark(trial: Trial, x: float, y: float, is_best: bool = False) -> Markup:
    """Return the mark of a trial, with its number, status and value as its tooltip."""
    shape = (
        MARKS[trial.kind].replace('class="dot f0"', 'class="dot f1 best"') if is_best else MARKS[trial.kind]
    )
    return Markup("<g><title>{}</title>").format(told(trial)) + Markup(shape).format(x, y) + Markup("</g>")


def told(trial: Trial) -> str:
    """Return a trial in a line."""
    value = "" if trial.value is None else f" {trial.value:.4g}"
    point = ", ".join(f"{name}={short(setting)}" for name, setting in trial.params.items())
    return f"trial {trial.number}, {trial.status}{value}: {point}"


def short(value: Any) -> str:
    """Return a value of a parameter in four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def progress(
    title: str, unit: str, points: Sequence[tuple[float, Trial, float | None]], best: Trial | None
) -> Markup:
    """Return the values of trials over ``unit``, as (position, trial, best value until then), and the best so far."""
    last = max((at for at, _, _ in points), default=1.0)
    x = Scale(0.0, float(last or 1.0), LEFT, WIDTH - RIGHT)
    y = value_scale([trial for _, trial, _ in points])
    steps: list[Point] = []
    for at, _, value in points:
        if value is not None:
            steps += [(x(at), steps[-1][1])] if steps else []
            steps.append((x(at), y(value)))
    parts = [axes(x, y)]
    if steps:
        parts.append(Markup('<path class="step" d="{}"/>').format(path([*steps, (x(last), steps[-1][1])])))
    parts += [mark(t, x(at), y(t.value), t is best) for at, t, _ in points if t.value is not None]
    return still(title, parts, f"{title}: the value of each trial over {unit}, and the best so far.", unit)


def value_scale(trials: Iterable[Trial], start: float = HEIGHT - BOTTOM, end: float = TOP) -> Scale:
    """Return the scale of the trials' values."""
    values = [trial.value for trial in trials if trial.value is not None]
    return fit(values, start, end, spans_decades(values, 1))


def slice_of(
    name: str, distribution: BaseDistribution, trials: Sequence[Trial], best: Trial | None
) -> Markup:
    """Return the values of trials over one parameter."""
    shown = [trial for trial in trials if name in trial.params and trial.value is not None]
    place, ticks = axis(distribution, LEFT + 8, WIDTH - RIGHT - 8)
    y = value_scale(shown)
    parts = [axes(Scale(0, 1, LEFT, WIDTH - RIGHT), y, x_ticks=ticks)]
    for trial in [*(t for t in shown if t is not best), *(t for t in shown if t is best)]:
        # Trials with the same option stand beside each other.
        spread = ((trial.number * 0.618) % 1 - 0.5) * 20 if is_choice(distribution) else 0.0
        parts.append(mark(trial, place(trial.params[name]) + spread, y(trial.value or 0.0), trial is best))
    return still(name, parts, f"The value of each trial over {name}.", "")


def axis(
    distribution: BaseDistribution, start: float, end: float
) -> tuple[Callable[[Any], float], list[tuple[float, str]]]:
    """Return where on an axis from ``start`` to ``end`` a parameter's value stands, and the axis' ticks."""
    if is_choice(distribution):
        options = list(distribution.choices)  # type: ignore[attr-defined]
        gap = (end - start) / len(options)
        places = [start + gap * (index + 0.5) for index in range(len(options))]
        ticks = [(place, short(option)) for place, option in zip(places, options, strict=True)]
        return lambda value: places[options.index(value)], ticks
    low, high = float(distribution.low), float(distribution.high)  # type: ignore[attr-defined]
    log = bool(distribution.log)  # type: ignore[attr-defined]
    scale = Scale(low, high if high > low else low + 1, start, end, log)
    return scale, named(scale, 4)


def learning(trials: Sequence[Trial], metric: str, best: Trial | None) -> Markup:
    """Return the learning curves of all trials, those that were ended early among them."""
    shown = [trial for trial in trials if trial.curve]
    last = max((trial.curve[-1][0] for trial in shown), default=1)
    x = Scale(0.0, float(last), LEFT, WIDE - RIGHT)
    values = [value for trial in shown for _, value in trial.curve]
    height = 320
    y = fit(values, height - BOTTOM, TOP, spans_decades(values, 1))
    parts = [axes(x, y, num_x=8, num_y=6)]
    for trial in [*(t for t in shown if t is not best), *(t for t in shown if t is best)]:
        points = [(x(at), y(value)) for at, value in trial.curve]
        kind = "best" if trial is best else trial.kind
        parts.append(curve(trial, kind, points))
        if trial.status in ("pruned", "running") or trial.kind == "bad" or len(points) == 1:
            parts.append(mark(trial, *points[-1]))
    return still(metric, parts, f"{metric} of each trial over images seen.", "images seen", WIDE, height)


def parallel(
    dimensions: dict[str, BaseDistribution], trials: Sequence[Trial], metric: str, best: Trial | None
) -> Markup:
    """Return parallel coordinates: a line a finished trial through its parameters to its value."""
    shown = [trial for trial in trials if trial.is_sound]
    top, bottom, left, right = 40, 300, 60, WIDE - 60
    columns = [left + (right - left) * index / len(dimensions) for index in range(len(dimensions) + 1)]
    value = value_scale(shown, bottom, top)
    places = [axis(distribution, bottom, top) for distribution in dimensions.values()]
    frame = [
        vertical(x, top, bottom, name, ticks, row=index % 2)
        for index, (x, name, (_, ticks)) in enumerate(zip(columns, dimensions, places, strict=False))
    ]
    frame.append(vertical(columns[-1], top, bottom, metric, named(value, 5), row=len(dimensions) % 2))
    parts: list[Markup] = []
    good = len(shown) // 5
    for rank, trial in reversed(list(enumerate(shown))):
        points = [
            (x, place(trial.params[name]))
            for x, name, (place, _) in zip(columns, dimensions, places, strict=False)
            if name in trial.params
        ]
        kind = "best" if trial is best else "good" if rank < good else ""
        points.append((columns[-1], value(trial.value or 0.0)))
        parts.append(curve(trial, kind, points))
    words = f"Each finished trial as a line through {', '.join(dimensions)} to its {metric}."
    return still("", [*parts, *frame], words, "", WIDE, bottom + 14)


def curve(trial: Trial, kind: str, points: Sequence[Point]) -> Markup:
    """Return a trial as a line."""
    return Markup('<path class="path {}" d="{}"><title>{}</title></path>').format(
        kind, path(points), told(trial)
    )


def vertical(
    x: float, top: float, bottom: float, name: str, ticks: Sequence[tuple[float, str]], row: int
) -> Markup:
    """Return an upright axis of parallel coordinates; long names stand in two rows."""
    head = Markup('<text class="middle name" x="{:.1f}" y="{}">{}</text>').format(x, 10 + 15 * row, name)
    parts = [head, Markup('<path class="axis" d="M{:.1f} {}V{}"/>').format(x, top, bottom)]
    for place, label in ticks:
        parts.append(
            Markup('<text class="tick y" x="{:.1f}" y="{:.1f}">{}</text>').format(x - 5, place + 3.5, label)
        )
    return Markup("").join(parts)


def timeline(trials: Sequence[Trial]) -> Markup:
    """Return what each worker did when: a bar a trial."""
    shown = [trial for trial in trials if trial.start is not None]
    workers = list(dict.fromkeys(str(trial.facts.get("worker") or "?") for trial in shown))
    first = min(trial.start for trial in shown if trial.start)
    seconds = [
        ((t.start - first).total_seconds(), ((t.end or t.start) - first).total_seconds())
        for t in shown
        if t.start is not None
    ]
    span = max((end for _, end in seconds), default=0.0) or 1.0
    unit, size = next((unit, size) for unit, size in UNITS if span > 3 * size or size == 1)
    lane, left = 22, 130
    bottom = TOP + lane * len(workers)
    x = Scale(0.0, span / size, left, WIDE - RIGHT)
    parts = [
        Markup('<text class="name end" x="{}" y="{}">{}</text>').format(
            left - 8, TOP + lane * row + 14, worker
        )
        for row, worker in enumerate(workers)
    ]
    for trial, (start, end) in zip(shown, seconds, strict=True):
        row = workers.index(str(trial.facts.get("worker") or "?"))
        end = span if trial.end is None else end
        width = max(1.5, x(end / size) - x(start / size) - 1)
        parts.append(
            Markup(
                '<rect class="job {}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"><title>{}</title></rect>'
            ).format(trial.kind, x(start / size), TOP + lane * row + 3, width, lane - 6, told(trial))
        )
    frame = axes(x, Scale(0, 1, bottom, TOP), num_x=8, num_y=0)
    words = f"When each of {len(workers)} workers trained which trial."
    return still("", [frame, *parts], words, f"{unit} since the first trial", WIDE, bottom + BOTTOM)


def bars(shares: dict[str, float]) -> Markup:
    """Return importances as bars with their names above and their shares beside them."""
    top, row = 4, 34
    parts = []
    largest = max(shares.values(), default=1.0) or 1.0
    for index, (name, share) in enumerate(shares.items()):
        y, width = top + row * index, share / largest * (WIDTH - 50)
        parts.append(
            Markup(
                '<text class="name" x="0" y="{}">{}</text><rect class="bar" x="0" y="{}" width="{:.1f}" height="10"/>'
                '<text class="name" x="{:.1f}" y="{}">{:.0%}</text>'
            ).format(y + 9, name, y + 15, max(width, 1.0), max(width, 1.0) + 6, y + 24, share)
        )
    words = "Importance of the parameters: " + ", ".join(
        f"{name} {share:.0%}" for name, share in shares.items()
    )
    return still("", parts, words, "", WIDTH, top + row * len(shares))


def still(
    title: str, parts: Iterable[Markup], words: str, note: str, width: float = WIDTH, height: float = HEIGHT
) -> Markup:
    """Return a drawing without a read-out as a figure."""
    return figure(title, svg(parts, words, height, width), note=note)
