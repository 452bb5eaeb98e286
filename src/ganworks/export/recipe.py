"""The command line that composes a run's settings again: found from the settings, and held against them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from omegaconf import OmegaConf

from ganworks.export.places import without_places
from ganworks.report.settings import flatten, text
from ganworks.run.compose import NO_EXPERIMENT, compose, primary_config
from ganworks.run.explain import options_of

log = logging.getLogger(__name__)
# In the order of a command line; what an option of an earlier one brings needs no naming.
CHOICES = ("data", "model", "loss", "regularizer", "augment", "optimizer", "task", "trainer")
SINGLE = ("data", "loss", "task")  # groups that are one object
# How a run is watched and where it lies: not what makes its weights.
ASIDE = ("name", "tags", "paths", "resume", "init_from", "dry_run", "logger", "callback", "metric", "num_threads",
         "compile", "trainer.devices", "trainer.accelerator", "trainer.enable_progress_bar")  # fmt: skip
FEW = 6  # overrides that are not looked for further; a search takes some seconds
TARGET_WEIGHT = 20  # settings that a class counts for


def recipe(config: Mapping[str, Any]) -> list[str]:
    """Return the overrides of `python train.py` that compose ``config``, the fewest that are found.

    What they leave aside is how the run was watched (`ASIDE`). Paths of this machine are left as their last part.
    """
    by_name = of_experiment(config)
    if by_name is not None and len(by_name) <= FEW:
        return by_name
    tried = (by_name, completed([], config), of_groups(config))  # [] is the recipe of conf/bare.yaml
    found = [overrides for overrides in tried if overrides is not None]
    return min(found, key=len, default=[])


def of_experiment(config: Mapping[str, Any]) -> list[str] | None:
    """Return the overrides beside the experiment that has the run's name; None where there is none."""
    name = str(config.get("name", ""))
    return completed([f"experiment={name}"], config) if name in options_of("experiment") else None


def of_groups(config: Mapping[str, Any]) -> list[str] | None:
    """Return an option of each group that brings the run's settings nearer, and the settings that are left."""
    chosen = [NO_EXPERIMENT]  # the plain defaults, as any other choice has them
    best = remaining(chosen, config)
    for group in CHOICES:
        if best is not None and not any(name.lstrip("+~").startswith(f"{group}.") for name in best):
            continue  # as it is already
        options = [f"{group}={option}" for option in likely_options(group, config)]
        tried = {option: remaining([*chosen, option], config) for option in options}
        good = {option: left for option, left in tried.items() if left is not None}
        nearest = min(good, key=lambda option: len(good[option]), default=None)
        if nearest is not None and (best is None or len(good[nearest]) < len(best)):
            chosen, best = [*chosen, nearest], good[nearest]
    return completed(chosen[1:] or chosen, config)


def completed(chosen: Sequence[str], config: Mapping[str, Any]) -> list[str] | None:
    """Return ``chosen`` and the settings in which what it composes differs from ``config``; None if it can't be."""
    left = remaining(chosen, config)
    if left is None:
        return None
    rest = remaining([*chosen, *left], config, literal=False)  # what followed others, and does not here
    return [*chosen, *left, *(rest or [])]


def remaining(chosen: Sequence[str], config: Mapping[str, Any], literal: bool = True) -> list[str] | None:
    """Return overrides for the settings in which what ``chosen`` composes differs from ``config``.

    Args:
        literal: leave out settings that are computed from others there.
    """
    try:
        composed = compose(chosen, primary_config(chosen))
        made = flatten(OmegaConf.to_container(composed, resolve=True))
    except Exception as error:  # options that do not go together
        log.debug("%s: %s", " ".join(chosen), error)
        return None
    raw = flatten(OmegaConf.to_container(composed))
    computed = {name for name, value in raw.items() if literal and "${" in str(value)}
    given = flatten(without_places(config))
    gone = {".".join(name.split(".")[:2]) for name in made if name.startswith("regularizer.")}
    gone -= {".".join(name.split(".")[:2]) for name in given}
    # Another class has other arguments; of the same class, those that the run lacks came later and have a default.
    others = [group for group in SINGLE if made.get(f"{group}._target_") != given.get(f"{group}._target_")]
    gone |= {name for name in made if name.partition(".")[0] in others and name not in given}
    left = {name: value for name, value in given.items() if not is_aside(name) and name not in computed}
    return [f"~{name}" for name in sorted(gone)] + [
        f"{'' if name in made else '+'}{name}={quoted(value)}"
        for name, value in left.items()
        if made.get(name) != value and not (name not in made and value is None)
    ]


def is_aside(name: str) -> bool:
    """Say whether a setting is one of `ASIDE`, or below one."""
    return any(name == each or name.startswith(f"{each}.") for each in ASIDE) or is_filled(name)


def is_filled(name: str) -> bool:
    """Say whether a run fills in a setting by itself, from its data."""
    return name in ("data.num_classes", "data.shape")


def quoted(value: Any) -> str:
    """Return a value as it is typed in a shell after ``name=``."""
    written = text(value)
    return f"'{written}'" if set(written) & set(" [](){}*?$!&|;<>\\'\"") else written


def likely_options(group: str, config: Mapping[str, Any], num: int = 4) -> list[str]:
    """Return the options of a group whose files are most like the run's settings."""
    given = flatten(config)
    target = f"{group}._target_"
    settings = {option: literals(group, option) for option in options_of(group)}
    fits = {
        name: own
        for name, own in settings.items()
        if group not in SINGLE or own.get(target) == given.get(target)
    }
    scores = {option: likeness(own, given) for option, own in fits.items()}
    return sorted(scores, key=lambda option: -scores[option])[:num]


def likeness(own: Mapping[str, Any], given: Mapping[str, Any]) -> float:
    """Return how many literal settings of an option the run has, less those that it has not; a class counts more."""
    weights = {name: TARGET_WEIGHT if name.endswith("_target_") else 1 for name in own}
    return sum(weights[name] * (1 if given.get(name) == own[name] else -1) for name in own)


def literals(group: str, option: str) -> dict[str, Any]:
    """Return the settings of an option's file that refer to no others, under their whole names."""
    from importlib.resources import files

    content = (files("ganworks.conf") / group / f"{option}.yaml").read_text(encoding="utf-8")
    node = yaml.safe_load(content) or {}
    node = node if "@package _global_" in content else {group: node}
    return {
        name: value
        for name, value in flatten(node).items()
        if not name.startswith("defaults") and not (isinstance(value, str | list) and "${" in str(value))
    }
