"""Try every point of a space before any work: it composes, and its run could be built."""

from __future__ import annotations

import re
from dataclasses import replace

import hydra
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ganworks.cli.errors import missing_option, unknown_setting
from ganworks.errors import GanworksError, SettingError
from ganworks.run import resolvers
from ganworks.run.build import build_run
from ganworks.run.check import check_config, drop_leftovers
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
    if settings.every_images < 1:
        raise SettingError("evaluations", settings.evaluations, f"at most num_images={settings.num_images}")
    return settings


def try_point(settings: Settings, overrides: list[str]) -> DictConfig:
    """Return the configuration of a point whose run could be built; nothing is written."""
    try:
        config = compose([*common_overrides(settings), *overrides], settings.flags)
        drop_leftovers(config)
        check_config(config)
        run = build_run(config)
        if run.suite.best is None:
            raise SettingError("metric", "none", f"one that measures {settings.objective}")
    except GanworksError as error:
        point = " ".join(overrides)
        raise GanworksError(f"{error}\nThis came up at the point {point}.") from error
    return config


def compose(overrides: list[str], flags: tuple[str, ...] = (), **kwargs: bool) -> DictConfig:
    """Return the configuration of `train.py` with ``overrides``; Hydra's errors become ours."""
    resolvers.register()
    search_path = [f"hydra.searchpath=[file://{flag}]" for flag in flags[1:]]
    overrides = [override for override in overrides if override != "experiment=null"]
    try:
        with hydra.initialize_config_module("ganworks.conf", version_base="1.3"):
            return hydra.compose("train", [*overrides, *search_path], **kwargs)
    except hydra.errors.MissingConfigException as error:
        raise GanworksError(missing_option(error)) from error
    except ConfigCompositionException as error:
        raise GanworksError(unknown(error, overrides, search_path)) from error
    except (HydraException, OmegaConfBaseException) as error:
        raise GanworksError(str(error).splitlines()[0]) from error


def unknown(error: ConfigCompositionException, overrides: list[str], search_path: list[str]) -> str:
    """Say which setting is not there, and what is, at a point with the groups of ``overrides``."""
    match = re.search(r"Could not override '([^']+)'", str(error))
    groups = [override for override in overrides if "." not in override.partition("=")[0]]

    def there() -> DictConfig:
        with hydra.initialize_config_module("ganworks.conf", version_base="1.3"):
            return hydra.compose("train", [*groups, *search_path])

    message = unknown_setting(error, there if match else None)
    return re.sub(r" \(\+\S+ adds a new one\)$", "", message)
