"""A search space: dimensions that set any setting of `train.py`, their conditions and their first points."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

Point = dict[str, Any]
# What a dimension may be a multiple of beside other dimensions, computed from a trial's own settings.
HEURISTICS = {"r1_gamma": "${{r1_gamma:${{data.resolution}},${{data.batch_size}},{times}}}"}


@dataclass(frozen=True)
class Dimension:
    """One thing that is searched.

    Args:
        name: what it is called in the study; the setting itself unless ``sets`` says otherwise.
        distribution: the values.
        sets: settings that take the value, or the value times that of the dimension ``times``.
        bundles: for a choice between whole sets of overrides, those of each option.
        times: another dimension, of whose value this one is a multiple, or one of `HEURISTICS`.
        when: values of other dimensions under which this one exists.
    """

    name: str
    distribution: BaseDistribution
    sets: tuple[str, ...]
    bundles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    times: str | None = None
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def is_active(self, point: Point) -> bool:
        """Say whether the dimension exists at ``point``, which holds the dimensions before it."""
        return all(name in point and point[name] in values for name, values in self.when.items())

    def suggest(self, trial: optuna.Trial) -> Any:
        """Return the trial's value."""
        kind = self.distribution
        if isinstance(kind, FloatDistribution):
            return trial.suggest_float(self.name, kind.low, kind.high, step=kind.step, log=kind.log)
        if isinstance(kind, IntDistribution):
            return trial.suggest_int(self.name, kind.low, kind.high, step=kind.step, log=kind.log)
        assert isinstance(kind, CategoricalDistribution)
        return trial.suggest_categorical(self.name, kind.choices)

    def overrides(self, point: Point) -> list[str]:
        """Return the overrides of `train.py` that the dimension stands for at ``point``."""
        value = point[self.name]
        if self.bundles:
            return list(self.bundles[value])
        if self.times in point:
            value = value * point[self.times]
        elif self.times is not None:
            # In quotes: the grammar of overrides has no word of ours inside another.
            value = f'"{HEURISTICS[self.times].format(times=text(value))}"'
        return [f"{setting}={text(value)}" for setting in self.sets]

    def corners(self) -> list[Any]:
        """Return the values that a check has to try: all options, or one end of a range."""
        kind = self.distribution
        return list(kind.choices) if isinstance(kind, CategoricalDistribution) else [kind.low]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Space:
    """The dimensions of a stage in an order in which conditions come after what they look at.

    Args:
        dimensions: as they are suggested.
        first: points that are tried first, by name: the settings of papers.
    """

    dimensions: tuple[Dimension, ...]
    first: Mapping[str, Point] = field(default_factory=dict)

    def suggest(self, trial: optuna.Trial) -> list[str]:
        """Return the overrides of a trial."""
        point: Point = {}
        for dimension in self.dimensions:
            if dimension.is_active(point):
                point[dimension.name] = dimension.suggest(trial)
        return self.overrides(point)

    def overrides(self, point: Point) -> list[str]:
        """Return the overrides that ``point`` stands for."""
        return [text for d in self.dimensions if d.name in point for text in d.overrides(point)]

    def corners(self) -> Iterator[Point]:
        """Yield a point for every combination of options, in which ranges have their low end."""

        def extend(point: Point, rest: Sequence[Dimension]) -> Iterator[Point]:
            if not rest:
                yield point
                return
            options = rest[0].corners() if rest[0].is_active(point) else [None]
            for option in options:
                new = {**point, rest[0].name: option} if rest[0].is_active(point) else point
                yield from extend(new, rest[1:])

        yield from extend({}, self.dimensions)


def text(value: Any) -> str:
    """Return a value as `train.py` takes it; floats have four digits.

    >>> text(0.000212349), text(None), text(True), text([0.0, 0.9])
    ('0.0002123', 'null', 'true', '[0.0,0.9]')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(str(part) for part in value) + "]"
    return "null" if value is None else str(value)


def combinations(space: Space, limit: int) -> list[Point]:
    """Return at most ``limit`` corners of the space among which every option occurs; all of them where they fit."""
    points = list(itertools.islice(space.corners(), 20_000))
    if len(points) <= limit:
        return points
    chosen: list[Point] = []
    missing = {(name, text(value)) for point in points for name, value in point.items()}
    for point in points:  # every option once
        new = {(name, text(value)) for name, value in point.items()} & missing
        if new:
            chosen.append(point)
            missing -= new
    rest = [point for point in points if point not in chosen]
    stride = max(1, len(rest) // max(1, limit - len(chosen)))
    return [*chosen, *rest[::stride]][: max(limit, len(chosen))]
