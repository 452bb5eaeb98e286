"""Try every point of a space before any work: it composes, and its run could be built."""

from __future__ import annotations

from dataclasses import replace

from omegaconf import DictConfig

from ganworks.errors import GanworksError, SettingError, check_choice
from ganworks.run.build import build_run
from ganworks.run.check import check_config, drop_leftovers
from ganworks.run.compose import compose
from ganworks.tuning.search import common_overrides
from ganworks.tuning.settings import Settings
from ganworks.tuning.space import combinations

LIMIT = 32  # points tried; every option is among them


def checked(settings: Settings) -> Settings:
    """Return the settings with the length of a trial, after every point was tried.

    Raises:
        GanworksError: the first point that can't be trained, and why.
    """
    lengths: dict[int, str] = {}
    bases: list[list[str]] = [[]]
    for stage in settings.stages:
        corners = combinations(stage.space, max(1, LIMIT // len(settings.stages)))
        points = [stage.space.overrides(point) for point in [*corners, *stage.space.first.values()]]
        # Each point after the first base, and the first point after each of the others that a stage may start from.
        pairs = [(bases[0], point) for point in points] + [(base, points[0]) for base in bases[1:]]
        pairs += [(base, points[-1 - index % len(corners)]) for index, base in enumerate(bases[1:])]
        for base, point in pairs:
            overrides = [*stage.fixed, *base, *point]
            config = try_point(settings, overrides)
            lengths.setdefault(int(config.num_images), " ".join(overrides))
        bases = [[*base, *point] for base, point in pairs][:LIMIT]
    if len(lengths) > 1:
        raise SettingError("num_images", sorted(lengths), f"the same in every trial ({lengths.popitem()[1]})")
    settings = replace(settings, num_images=next(iter(lengths)))
    if settings.objective_mean_of > settings.evaluations:
        allowed = f"at most evaluations={settings.evaluations}"
        raise SettingError("objective_mean_of", settings.objective_mean_of, allowed)
    if settings.every_images < 1:
        raise SettingError("evaluations", settings.evaluations, f"at most num_images={settings.num_images}")
    return settings


def try_point(settings: Settings, overrides: list[str]) -> DictConfig:
    """Return the configuration of a point whose run could be built; nothing is written."""
    try:
        config = compose([*common_overrides(settings), *overrides], folders=settings.flags[1:])
        drop_leftovers(config)
        check_config(config)
        run = build_run(config)
        if run.suite.best is None:
            raise SettingError("metric", "none", f"one that measures {settings.objective}")
        check_choice("objective", settings.objective, run.suite.better)
    except GanworksError as error:
        point = " ".join(overrides)
        raise GanworksError(f"{error}\nThis came up at the point {point}.") from error
    return config
