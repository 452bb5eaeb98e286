"""Read a search space from the YAML of `conf/tune/`, and say what can't be in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from ganworks.errors import GanworksError, SettingError, nearest
from ganworks.tuning.space import HEURISTICS, Dimension, Point, Space, text

KINDS = ("log", "range", "int", "choice")
WORDS = (*KINDS, "step", "sets", "times", "when")


def parse_space(path: str, node: Mapping[str, Any], first: Mapping[str, Any] | None = None) -> Space:
    """Return the space that the settings ``node`` at ``path`` describe.

    Raises:
        SettingError: an empty range, a condition that never holds, a name that is not there.
    """
    if not isinstance(node, Mapping) or not node:
        raise SettingError(path, node, "a mapping from settings to what is searched of them")
    dimensions = tuple(parse_dimension(path, str(name), value) for name, value in node.items())
    space = Space(in_order(path, dimensions), {})
    points = {
        str(name): parse_point(f"{path}: enqueue.{name}", space, point)
        for name, point in (first or {}).items()
    }
    return Space(space.dimensions, points)


def parse_dimension(path: str, name: str, node: Any) -> Dimension:
    """Return the dimension ``name`` that ``node`` describes."""
    where = f"{path}.{name}"
    node = {"choice": node} if isinstance(node, list | tuple) else node
    if not isinstance(node, Mapping):
        raise SettingError(where, node, "a list of options, or a mapping with log, range, int or choice")
    if unknown := [word for word in node if word not in WORDS]:
        raise SettingError(where, unknown[0], f"made of {', '.join(WORDS)}", WORDS)
    if len(kinds := [kind for kind in KINDS if kind in node]) != 1:
        raise SettingError(where, dict(node), f"exactly one of {', '.join(KINDS)}")
    sets = node.get("sets", name)
    times = node.get("times")
    bundles: dict[str, tuple[str, ...]] = {}
    values = node[kinds[0]]
    if isinstance(values, Mapping) and kinds[0] == "choice":
        bundles = {str(option): tuple(map(str, overrides or ())) for option, overrides in values.items()}
        values = list(bundles)
    distribution = parse_values(where, kinds[0], values, node.get("step"))
    options = getattr(distribution, "choices", ())
    if times is not None and not all(isinstance(value, int | float) for value in options):
        raise SettingError(f"{where}.times", times, "left out where the options are no numbers")
    when = {
        str(other): tuple(map(option, allowed if isinstance(allowed, list | tuple) else [allowed]))
        for other, allowed in (node.get("when") or {}).items()
    }
    sets = (sets,) if isinstance(sets, str) else tuple(sets)
    return Dimension(name, distribution, sets, bundles, times, when)


def parse_values(where: str, kind: str, values: Any, step: Any) -> BaseDistribution:
    """Return the distribution of a dimension."""
    if kind == "choice":
        if not isinstance(values, list | tuple) or not values:
            raise SettingError(where, values, "at least one option")
        return CategoricalDistribution([option(value) for value in values])
    is_pair = isinstance(values, list | tuple) and len(values) == 2
    if not is_pair or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise SettingError(f"{where}.{kind}", values, "two numbers, [low, high]")
    low, high = values
    if not low < high or (kind == "log" and low <= 0):
        raise SettingError(
            f"{where}.{kind}", list(values), "a range with low < high" + (" and low > 0" * (kind == "log"))
        )
    if kind == "int":
        if low != int(low) or high != int(high):
            raise SettingError(f"{where}.int", list(values), "two integers")
        return IntDistribution(int(low), int(high), step=int(step or 1))
    if step is not None and kind == "log":
        raise SettingError(f"{where}.step", step, "left out on a logarithmic range")
    return FloatDistribution(float(low), float(high), log=kind == "log", step=step)


def option(value: Any) -> Any:
    """Return an option as Optuna stores it: plain, or the text of a list."""
    return text(value) if isinstance(value, list | tuple) else value


def in_order(path: str, dimensions: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
    """Return the dimensions with conditions and multiples after what they refer to; check that all are reached."""
    known = {dimension.name: dimension for dimension in dimensions}
    for dimension in dimensions:
        check_references(path, dimension, known)
    ordered: list[Dimension] = []
    while len(ordered) < len(dimensions):
        names = {dimension.name for dimension in ordered}
        ready = [d for d in dimensions if d not in ordered and {*d.when, *base_of(d, known)} <= names]
        if not ready:
            loop = [d.name for d in dimensions if d not in ordered]
            raise GanworksError(f"{path}: {', '.join(loop)} wait for each other (when, times).")
        ordered += ready
    check_reached(path, ordered)
    return tuple(ordered)


def check_references(path: str, dimension: Dimension, known: Mapping[str, Dimension]) -> None:
    """Raise `SettingError` where a condition or a multiple names no dimension, or no value of one."""
    where = f"{path}.{dimension.name}"
    for other in [*dimension.when, *base_of(dimension, known)]:
        word = "when" if other in dimension.when else "times"
        if other not in known:
            there = [*known, *(HEURISTICS if word == "times" else ())]
            raise SettingError(f"{where}.{word}", other, f"one of {', '.join(there)}", there)
    for other, values in dimension.when.items():
        kind = known[other].distribution
        if not isinstance(kind, CategoricalDistribution):
            raise SettingError(f"{where}.when", other, "a dimension with options: this one is a range")
        for value in values:
            check_option(f"{where}.when.{other}", value, kind)
    for other in base_of(dimension, known):
        if not isinstance(known[other].distribution, FloatDistribution):
            raise SettingError(f"{where}.times", other, "a dimension of real numbers")


def base_of(dimension: Dimension, known: Collection[str]) -> list[str]:
    """Return the dimension of whose value this one is a multiple; none where it is one of a heuristic."""
    times = dimension.times
    return [] if times is None or (times in HEURISTICS and times not in known) else [times]


def check_option(where: str, value: Any, kind: CategoricalDistribution) -> None:
    """Raise `SettingError` unless ``value`` is an option."""
    if value not in kind.choices:
        options = [text(choice) for choice in kind.choices]
        raise SettingError(where, value, f"one of {', '.join(options)}", options)


def check_reached(path: str, ordered: list[Dimension]) -> None:
    """Raise `SettingError` for a dimension whose conditions exclude each other, or whose base is not there."""
    names = [dimension.name for dimension in ordered]
    for index, dimension in enumerate(ordered):
        others = related(dimension, ordered[:index])
        points = list(Space(tuple(others)).corners())
        active = [point for point in points if dimension.is_active(point)]
        if not active:
            raise SettingError(
                f"{path}.{dimension.name}.when", dict(dimension.when), "a condition that can hold"
            )
        base = base_of(dimension, names)
        if any(other not in point for other in base for point in active):
            raise SettingError(
                f"{path}.{dimension.name}.times",
                dimension.times,
                "there whenever the dimension is: give it the same when",
            )


def related(dimension: Dimension, before: Sequence[Dimension]) -> list[Dimension]:
    """Return those of ``before`` that conditions of the dimension depend on, directly or not."""
    names = {*dimension.when, *filter(None, [dimension.times])}
    for other in reversed(before):
        if other.name in names:
            names |= set(other.when)
    return [other for other in before if other.name in names]


def parse_point(where: str, space: Space, node: Mapping[str, Any]) -> Point:
    """Return a point to try first; dimensions that it leaves out are sampled."""
    known = {dimension.name: dimension for dimension in space.dimensions}
    point: Point = {}
    for name, value in (node or {}).items():
        if name not in known:
            hint = f" Did you mean {nearest(str(name), known)!r}?" if nearest(str(name), known) else ""
            raise GanworksError(
                f"{where}: there is no dimension {name!r}; there are {', '.join(known)}.{hint}"
            )
        kind, value = known[name].distribution, option(value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if isinstance(kind, CategoricalDistribution):
            check_option(f"{where}.{name}", value, kind)
        elif not is_number or not kind._contains(kind.to_internal_repr(value)):
            raise SettingError(f"{where}.{name}", value, f"a number from {kind.low:g} to {kind.high:g}")  # type: ignore[attr-defined]
        point[str(name)] = value
    given = dict(point)
    for dimension in space.dimensions:
        open_ended = any(other in known and other not in given for other in dimension.when)
        if dimension.name in given and not open_ended and not dimension.is_active(given):
            allowed = f"left out: it exists when {dict(dimension.when)}"
            raise SettingError(f"{where}.{dimension.name}", given[dimension.name], allowed)
    return point
