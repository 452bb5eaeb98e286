"""Paths in a configuration, made absolute: a run that is resumed elsewhere finds the files that it began with."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ganworks.run.check import find, targets

GROUPS = ("data", "metric")
BY_CUSTOM = frozenset(["root", "cache", "weights", "folder", "path", "file"])


def make_paths_absolute(config: DictConfig) -> None:
    """Make the paths absolute that the settings of the data and of the metrics name.

    A path is what a class annotates as one (``root: str | Path | None``), and what is called like one and is there.
    Links are left as they are.
    """
    for group in GROUPS:
        settings = OmegaConf.to_container(config[group], resolve=True)
        for place, node in targets(settings, group):
            annotated = path_names(find(place, node["_target_"]))
            for name, value in node.items():
                if not isinstance(value, str) or not value or "://" in value:
                    continue
                path = Path(value).expanduser()
                if name in annotated or (name in BY_CUSTOM and path.exists()):
                    OmegaConf.update(config, f"{place}.{name}", str(path.absolute()))


def path_names(target: Any) -> set[str]:
    """Return the names of the arguments of ``target`` that are paths; none where it can't be looked into."""
    is_class = inspect.isclass(target)
    functions = (
        [vars(each)["__init__"] for each in target.__mro__ if "__init__" in vars(each)]
        if is_class
        else [target]
    )
    names = set()
    for function in functions:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            continue
        names |= {each.name for each in parameters if is_path(each.annotation)}
    return names


def is_path(annotation: Any) -> bool:
    """Say whether an annotation, as it was written or as an object, is a path or may be one.

    >>> is_path("str | Path | None"), is_path(str | Path), is_path("str"), is_path("dict[str, Path]")
    (True, True, False, False)
    """
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return "Path" in {part.strip().rpartition(".")[2] for part in text.split("|")}
