"""From a node of the configuration to the object that it describes."""

from __future__ import annotations

import re
import sys
from typing import Any

import hydra
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from ganworks.errors import GanworksError, SettingError, setting_path
from ganworks.run.node import as_written, check_nodes

NOWHERE = sys.maxsize


def make(path: str, node: DictConfig, **kwargs: Any) -> Any:
    """Instantiate ``node`` with the objects ``kwargs``; errors name the setting under ``path``.

    Raises:
        GanworksError: the constructor rejects a setting, or fails.
    """
    check_nodes(node, path)
    try:
        with as_written(node._get_root()), setting_path(path):
            if not kwargs:
                return hydra.utils.instantiate(node, _convert_="all")
            # The objects are handed over by a call: instantiate would take dataclasses among them for settings.
            factory = hydra.utils.instantiate(node, _convert_="all", _partial_=True)
            return call(path, node, factory, kwargs)
    except InstantiationException as error:
        path, cause = full_key(error) or path, error.__cause__ or error
        with as_written(node._get_root()), setting_path(path):
            if isinstance(cause, SettingError):
                raise cause from error
        raise rejected(path, OmegaConf.select(node._get_root(), path) or node, cause) from error


def call(path: str, node: DictConfig, factory: Any, kwargs: dict[str, Any]) -> Any:
    """Return ``factory(**kwargs)``; errors of the constructor become ours."""
    try:
        return factory(**kwargs)
    except SettingError:
        raise
    except (TypeError, ValueError, OverflowError, ImportError, MisconfigurationException) as error:
        raise rejected(path, node, error) from error


def rejected(path: str, node: DictConfig, error: BaseException) -> GanworksError:
    """Return the error of a constructor with the setting that its message is about, as far as it tells."""
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    settings = {str(name): value for name, value in node.items() if not str(name).startswith("_")}
    by_name = {position(name, reason): name for name in settings}
    by_value = {position(str(value), reason): name for name, value in settings.items()}
    culprits = [found[min(found)] for found in (by_name, by_value) if min(found, default=NOWHERE) < NOWHERE]
    if not culprits:
        return GanworksError(f"{path}: {reason}")
    return GanworksError(f"{path}.{culprits[0]}={settings[culprits[0]]}: {reason}")


def position(word: str, text: str) -> int:
    """Return where ``word`` stands in ``text`` by itself, `NOWHERE` if it does not."""
    found = re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w.])", text) if word else None
    return found.start() if found else NOWHERE


def full_key(error: InstantiationException) -> str:
    """Return the path of the node that Hydra could not instantiate; empty where it does not say."""
    lines = (line.partition("full_key: ") for line in str(error).splitlines())
    return next((key for before, mark, key in lines if mark and not before), "")
