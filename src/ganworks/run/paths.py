"""Paths in a configuration, made absolute: a run that is resumed elsewhere finds the files that it began with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ganworks.run.node import find, parameters
from ganworks.run.values import members_of
from ganworks.trust import targets_of

GROUPS = ("data", "metric")
MADE = frozenset(["root", "cache"])  # folders that a run makes
BY_CUSTOM = frozenset(["root", "cache", "weights", "folder", "path", "file"])


def make_paths_absolute(config: DictConfig) -> None:
    """Make the paths absolute that the settings of the data and of the metrics name.

    A path is what a class annotates as one (``root: str | Path | None``), and what is called like one and is there.
    Links are left as they are.
    """
    for group in GROUPS:
        settings = OmegaConf.to_container(config[group], resolve=True)
        for place, node in targets_of(settings, group):
            annotated = path_names(find(place, node["_target_"]))
            for name, value in node.items():
                if not isinstance(value, str) or not value or "://" in value:
                    continue
                path = Path(value).expanduser()
                # A name that may be a path, such as an identifier of a data set, is one where something is there.
                if (name in annotated or name in BY_CUSTOM) and (path.exists() or name in MADE):
                    OmegaConf.update(config, f"{place}.{name}", str(path.absolute()))


def path_names(target: Any) -> set[str]:
    """Return the names of the settings of ``target`` that are paths; none where it can't be looked into."""
    return {name for name, each in parameters(target)[0].items() if Path in members_of(each.annotation)}
