"""The command line that composes a run's settings again: found from the settings, and held against them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from omegaconf import OmegaConf

from ganworks.export.places import without_places
from ganworks.report.settings import flatten, text
from ganworks.run.compose import compose, primary_config
from ganworks.run.explain import options_of

log = logging.getLogger(__name__)
# In the order of a command line; what an option of an earlier one brings needs no naming.
CHOICES = ("data", "model", "loss", "regularizer", "augment", "optimizer", "task", "trainer")
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
    found = [part for part in (by_name, of_groups(config)) if part is not None]
    return min(found, key=len, default=[])


def of_experiment(config: Mapping[str, Any]) -> list[str] | None:
    """Return the overrides beside the experiment that has the run's name; None where there is none."""
    name = str(config.get("name", ""))
    return completed([f"experiment={name}"], config) if name in options_of("experiment") else None


def of_groups(config: Mapping[str, Any]) -> list[str] | None:
    """Return an option of each group that brings the run's settings nearer, and the settings that are left."""
    chosen: list[str] = []
    best = remaining(chosen, config)
    for group in CHOICES:
        for option in likely_options(group, config):
            tried = remaining([*chosen, f"{group}={option}"], config)
            if tried is not None and (best is None or len(tried) < len(best)):
                chosen, best = [*chosen, f"{group}={option}"], tried
                break
    return completed(chosen, config)


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


def likely_options(group: str, config: Mapping[str, Any], num: int = 2) -> list[str]:
    """Return the options of a group whose files are most like the run's settings."""
    given = flatten(config)
    scores = {option: likeness(literals(group, option), given) for option in options_of(group)}
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
