"""Which settings make a run what it is: those that differ from the defaults, or from one run to the next."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ganworks.run.compose import compose

log = logging.getLogger(__name__)
Settings = dict[str, Any]
ABSENT = "–"
LABELS = (
    "name",
    "label",
    "tags",
    "resume",
    "dry_run",
    "paths",
)  # they name a run and its place, they do not shape it


def flatten(node: Any, path: str = "") -> Settings:
    """Return the values of a tree of mappings under their dotted names; a list is one value."""
    if isinstance(node, Mapping) and node:
        below = [flatten(child, f"{path}.{name}" if path else str(name)) for name, child in node.items()]
        return {name: value for leaves in below for name, value in leaves.items()}
    return {path: node} if path else {}


def default_config(config: Mapping[str, Any], experiment: str | None = None) -> Settings:
    """Return the plain defaults of conf/train.yaml as they would be for a run with the settings ``config``.

    Defaults that are computed from other settings, such as an interval that is a share of `num_images`, follow
    the run's: what follows by itself does not count as a difference.

    Args:
        experiment: a shipped recipe whose settings are the defaults instead.
    """
    defaults, computed, given = plain_defaults(experiment), computed_settings(experiment), flatten(config)
    names = flatten(OmegaConf.to_container(defaults))
    followed = defaults.copy()
    OmegaConf.set_struct(followed, False)
    for name in names.keys() & given.keys() - computed:
        OmegaConf.update(followed, name, given[name])
    return {name: OmegaConf.select(followed if name in computed else defaults, name) for name in names}


def computed_settings(experiment: str | None = None) -> set[str]:
    """Return the names of the plain defaults that refer to other settings."""
    defaults = flatten(OmegaConf.to_container(plain_defaults(experiment)))
    return {name for name, value in defaults.items() if isinstance(value, str) and "${" in value}


@cache
def plain_defaults(experiment: str | None = None) -> DictConfig:
    """Return the configuration of conf/train.yaml, or that of a shipped recipe, not to be changed.

    Composing it takes half a second.

    What this machine sets otherwise is no default: the same run differs in the same settings everywhere.
    """
    return compose(["local=none", *([f"experiment={experiment}"] if experiment else [])])


def differences(columns: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return (setting, its value in each column) where the columns are not all equal; labels do not count."""
    columns = list(columns)
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [(name, [text(column.get(name, ABSENT)) for column in columns]) for name in names]
    return [
        (name, values)
        for name, values in rows
        if len(set(values)) > 1 and name.partition(".")[0] not in LABELS
    ]


def from_default(config: Mapping[str, Any], experiment: str | None = None) -> list[tuple[str, list[str]]]:
    """Return (setting, [value, default]) where a run differs from the plain defaults; none if they can't be had.

    Args:
        experiment: a shipped recipe whose settings are the defaults instead.
    """
    if not config:
        return []
    try:
        return differences([flatten(config), default_config(config, experiment)])
    except Exception as error:  # a configuration of another version
        log.debug("the run's settings were not compared with the defaults: %s", error)
        return []


def between(configs: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return (setting, its value in each run) where runs differ, less what only follows from such a setting."""
    configs = list(configs)
    names = {name for config in configs for name in by_itself(config)}
    return [row for row in differences(map(flatten, configs)) if row[0] in names]


def by_itself(config: Mapping[str, Any]) -> set[str]:
    """Return the settings of a run whose values do not follow from its others."""
    given = flatten(config)
    try:
        computed, defaults = computed_settings(), default_config(config)
    except Exception as error:
        log.debug("the run's settings were not compared with the defaults: %s", error)
        return set(given)
    return {name for name in given if name not in computed or text(given[name]) != text(defaults[name])}


def text(value: Any) -> str:
    """Return a value as one writes it in a setting."""
    if isinstance(value, DictConfig) or (isinstance(value, Mapping) and not value):
        return ABSENT
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:_}"
    if OmegaConf.is_list(value) or isinstance(value, list | tuple):
        return f"[{', '.join(text(item) for item in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
