"""The command line that composes a run's settings again: found from the settings, and held against them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from omegaconf import OmegaConf

from ganworks.export.places import without_places
from ganworks.report.settings import flatten, text
from ganworks.run.compose import NO_EXPERIMENT, compose, primary_config, quoted
from ganworks.run.explain import options_of

log = logging.getLogger(__name__)
Settings = dict[str, Any]
# In the order of a command line; what an option of an earlier one brings needs no naming.
CHOICES = ("data", "model", "loss", "regularizer", "augment", "optimizer", "task", "trainer")
SINGLE = ("data", "loss", "task")  # groups that are one object
# How a run is watched and where it lies: not what makes its weights.
ASIDE = ("name", "label", "tags", "paths", "resume", "dry_run", "logger", "callback", "metric", "num_threads",
         "compile", "trainer.devices", "trainer.accelerator", "trainer.enable_progress_bar")  # fmt: skip
# Overrides that are not looked for further, beside the run's own experiment and another; a search takes seconds.
FEW, SHORT = 6, 3
TARGET_WEIGHT = 20  # settings that a class counts for
NUM_OPTIONS = 4  # of a group that are tried


def recipe(config: Mapping[str, Any]) -> list[str]:
    """Return the overrides of `python train.py` that compose ``config``, the fewest that are found.

    What they leave aside is how the run was watched (`ASIDE`). Paths of this machine are left as their last part.
    They are words of Hydra, which a shell takes in quotes.
    """
    if config.get("name") in options_of("experiment"):
        by_name = of_groups([f"experiment={config['name']}"], config)
        if by_name is not None and len(by_name) <= FEW:
            return by_name
    tried = [completed([], config)]  # conf/bare.yaml's recipe
    for chosen in begun(config):
        tried.append(of_groups(chosen, config))
        if tried[-1] is not None and len(tried[-1]) <= SHORT:
            break
    return min((found for found in tried if found is not None), key=len, default=[])


def begun(config: Mapping[str, Any]) -> list[list[str]]:
    """Return the two beginnings that are nearest to the run: experiments like it, or the plain defaults."""
    likely = nearest_options("experiment", config)[:2]
    left = {
        name: remaining([name], config)
        for name in (NO_EXPERIMENT, *(f"experiment={each}" for each in likely))
    }
    good = {name: len(rest) for name, rest in left.items() if rest is not None}
    return [[name] for name in sorted(good, key=lambda name: good[name])[:2]]


def of_groups(chosen: list[str], config: Mapping[str, Any]) -> list[str] | None:
    """Return ``chosen``, an option of each group that brings it nearer to the run, and the settings that are left."""
    best = remaining(chosen, config)
    for group in CHOICES:
        if best is not None and sum(name.lstrip("+~").startswith(f"{group}.") for name in best) < 2:
            continue  # as it is already, or one word says it
        options = [f"{group}={option}" for option in likely_options(group, config)]
        tried = {option: remaining([*chosen, option], config) for option in options}
        good = {option: left for option, left in tried.items() if left is not None}
        nearest = min(good, key=lambda option: len(good[option]), default=None)
        # The option is a word of the command line as well.
        if nearest is not None and (best is None or len(good[nearest]) + 1 < len(best)):
            chosen, best = [*chosen, nearest], good[nearest]
    return completed(chosen[1:] if chosen[0] == NO_EXPERIMENT and len(chosen) > 1 else chosen, config)


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
    composition = composition_of(tuple(chosen))
    if composition is None:
        return None
    made, computed = composition[0], composition[1] if literal else frozenset()
    given = flatten(without_places(config))
    gone = superfluous(made, given)
    left = {name: value for name, value in given.items() if not is_aside(name) and name not in computed}
    return [f"~{name}" for name in sorted(gone)] + [
        f"{'' if name in made else '+'}{name}={word(value)}"
        for name, value in left.items()
        if made.get(name) != value and not (name not in made and value in (None, {}))
    ]


@lru_cache(maxsize=256)
def composition_of(chosen: tuple[str, ...]) -> tuple[Settings, frozenset[str]] | None:
    """Return the settings that overrides compose, and which are computed; None if they don't go together."""
    try:
        composed = compose(["local=none", *chosen], primary_config(chosen))
        made = flatten(without_places(OmegaConf.to_container(composed, resolve=True)))
    except Exception as error:
        log.debug("%s: %s", " ".join(chosen), error)
        return None
    raw = flatten(OmegaConf.to_container(composed))
    return made, frozenset(name for name, value in raw.items() if "${" in str(value))


def superfluous(made: Settings, given: Settings) -> set[str]:
    """Return what is composed and the run has not: penalties, and arguments of another class.

    Of the same class, the arguments that the run lacks came later and have a default.
    """
    gone = {penalty_of(name) for name in made if name.startswith("regularizer.")}
    gone -= {penalty_of(name) for name in given}
    others = [group for group in SINGLE if made.get(f"{group}._target_") != given.get(f"{group}._target_")]
    return gone | {name for name in made if name.partition(".")[0] in others and name not in given}


def penalty_of(name: str) -> str:
    """Return the first two parts of a setting: ``regularizer.r1`` of ``regularizer.r1.weight``."""
    return ".".join(name.split(".")[:2])


def is_aside(name: str) -> bool:
    """Say whether a setting is one of `ASIDE`, or below one."""
    return any(name == each or name.startswith(f"{each}.") for each in ASIDE) or is_filled(name)


def is_filled(name: str) -> bool:
    """Say whether a run fills in a setting by itself, from its data."""
    return name in ("data.num_classes", "data.shape")


def word(value: Any) -> str:
    """Return a value as Hydra reads it after ``name=``.

    >>> word([32, 48]), word(1e-3), word(1 / 3), word("a, b"), word("8"), word(None)
    ('[32,48]', '0.001', '0.3333333333333333', "'a, b'", "'8'", 'null')
    """
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{word(name)}:{word(child)}' for name, child in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(word, value))}]"
    if isinstance(value, float):
        return text(value) if float(text(value)) == value else repr(value)
    if not isinstance(value, str):
        return text(value)
    is_plain = re.fullmatch(r"[\w./][\w./@+-]*", value, re.ASCII)
    is_text = is_plain and OmegaConf.create(f"value: {value}").value == value  # and not a number, or null
    return value if is_text and value.lower() not in ("null", "nan", "inf") else quoted(value)


def likely_options(group: str, config: Mapping[str, Any]) -> list[str]:
    """Return the options of a group that the run may have begun with: at least half of their settings are the run's."""
    given = flatten(config)
    target = f"{group}._target_"

    def is_likely(option: str) -> bool:
        own = literals(group, option)
        if group in SINGLE and own.get(target) != given.get(target):
            return False
        # Adam with a cosine is not optimizer=r3gan because both are of the same classes.
        same = [
            given.get(name) == value
            for name, value in own.items()
            if not name.endswith(("_target_", "_partial_"))
        ]
        return group != "optimizer" or 2 * sum(same) >= len(same)

    return [option for option in nearest_options(group, config) if is_likely(option)][:NUM_OPTIONS]


def nearest_options(group: str, config: Mapping[str, Any]) -> list[str]:
    """Return the options of a group, those first whose files are most like the run's settings."""
    given = flatten(config)
    scores = {option: likeness(literals(group, option), given) for option in options_of(group)}
    return sorted(scores, key=lambda option: -scores[option])


def likeness(own: Mapping[str, Any], given: Mapping[str, Any]) -> float:
    """Return how many literal settings of an option the run has, less those that it has not; a class counts more."""
    weights = {name: TARGET_WEIGHT if name.endswith("_target_") else 1 for name in own if not is_aside(name)}
    return sum(weight * (1 if given.get(name) == own[name] else -1) for name, weight in weights.items())


@cache
def literals(group: str, option: str) -> Settings:
    """Return the settings of an option's file that refer to no others, under their whole names."""
    from importlib.resources import files

    content = (files("ganworks.conf") / group / f"{option}.yaml").read_text(encoding="utf-8")
    node = OmegaConf.to_container(OmegaConf.create(content or "{}"))  # YAML alone takes 1e-3 for a text
    node = node if "@package _global_" in content else {group: node}
    return {
        name: value
        for name, value in flatten(node).items()
        if not name.startswith("defaults") and not (isinstance(value, str | list) and "${" in str(value))
    }
