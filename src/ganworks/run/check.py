"""Look through a whole configuration before anything is built or written."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from ganworks.errors import GanworksError, SettingError, check_count

log = logging.getLogger(__name__)
HYDRA_KEYS = {"_target_", "_partial_", "_recursive_", "_convert_", "_args_"}


def check_config(config: DictConfig) -> None:
    """Raise `SettingError` for the first setting that can't be right: a missing value, a wrong name or target."""
    if not str(config.name or "").strip():
        raise SettingError("name", config.name, "a word: the run directory is runs/<name>/<date and time>")
    check_count("num_images", config.num_images)
    check_count("seed", config.seed, at_least=0)
    if config.num_threads is not None:
        check_count("num_threads", config.num_threads)
    try:
        settings = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise GanworksError(f"{error.full_key}: {str(error).splitlines()[0]}") from error
    for path, node in targets(settings):
        check_target(path, node)
    check_count("trainer.log_every_n_steps", config.trainer.get("log_every_n_steps", 50))


def drop_leftovers(config: DictConfig) -> None:
    """Remove the settings of regularizers that were not chosen.

    An experiment says ``regularizer.r1.weight``; with ``regularizer=r2`` on the command line that is no penalty.
    """
    for name, node in list((config.regularizer or {}).items()):
        if node is not None and "_target_" not in node:
            log.warning(
                "regularizer.%s is not among the chosen regularizers: its settings are left out", name
            )
            with open_dict(config):
                del config.regularizer[name]


def targets(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (path, node) for every node of the settings that has a ``_target_``."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield path, node
        for name, child in node.items():
            yield from targets(child, f"{path}.{name}" if path else str(name))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from targets(child, f"{path}[{index}]")


def check_target(path: str, node: dict[str, Any]) -> None:
    """Raise `SettingError` unless the node's target exists and takes the node's settings."""
    target = find(path, node["_target_"])
    names = parameter_names(target)
    if names is None:
        return
    for name, value in node.items():
        if name not in names and name not in HYDRA_KEYS:
            allowed = f"left out: {node['_target_']} has the settings {', '.join(names) or 'none'}"
            error = SettingError(f"{path}.{name}", value, allowed)
            error.nearest = SettingError(path, name, "", names).nearest
            raise error


def find(path: str, target: str) -> Any:
    """Return the object that ``target`` names, or raise `SettingError` with the nearest name beside it."""
    logging.getLogger("hydra.utils").setLevel(logging.CRITICAL)  # it would print what is raised here
    try:
        return get_object(target)
    except Exception as error:
        module_path, _, _ = str(target).rpartition(".")
        try:
            neighbours = [f"{module_path}.{name}" for name in dir(get_object(module_path))]
        except Exception:
            neighbours = []
        raise SettingError(
            f"{path}._target_", target, "the path of something importable", neighbours
        ) from error


def parameter_names(target: Any) -> list[str] | None:
    """Return the names of the settings that ``target`` takes; None where it takes any.

    Where a class hands on keyword arguments, those of its bases count.
    """
    names: dict[str, None] = {}
    is_class = inspect.isclass(target)
    functions = (
        [vars(c)["__init__"] for c in target.__mro__ if "__init__" in vars(c)] if is_class else [target]
    )
    for function in functions:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            return None
        named = (p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
        names |= dict.fromkeys(name for name in named if name != "self")
        if not any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
            return list(names)
    return None
