"""From a node of the configuration to the object that it describes."""

from __future__ import annotations

from typing import Any

import hydra
from hydra.errors import InstantiationException
from omegaconf import DictConfig
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from ganworks.errors import GanworksError, SettingError, setting_path


def make(path: str, node: DictConfig, **kwargs: Any) -> Any:
    """Instantiate ``node`` with the objects ``kwargs``; errors name the setting under ``path``.

    Raises:
        GanworksError: the constructor rejects a setting, or fails.
    """
    try:
        with setting_path(path):
            if not kwargs:
                return hydra.utils.instantiate(node, _convert_="all")
            # The objects are handed over by a call: instantiate would take dataclasses among them for settings.
            factory = hydra.utils.instantiate(node, _convert_="all", _partial_=True)
            return call(path, factory, kwargs)
    except InstantiationException as error:
        path, cause = full_key(error) or path, error.__cause__ or error
        with setting_path(path):
            if isinstance(cause, SettingError):
                raise cause from error
        raise GanworksError(f"{path}: {cause}") from error


def call(path: str, factory: Any, kwargs: dict[str, Any]) -> Any:
    """Return ``factory(**kwargs)``; errors of the constructor become ours."""
    try:
        return factory(**kwargs)
    except SettingError:
        raise
    except (TypeError, ValueError, ImportError, MisconfigurationException) as error:
        raise GanworksError(f"{path}: {error}") from error


def full_key(error: InstantiationException) -> str:
    """Return the path of the node that Hydra could not instantiate; empty where it does not say."""
    lines = (line.partition("full_key: ") for line in str(error).splitlines())
    return next((key for before, mark, key in lines if mark and not before), "")
