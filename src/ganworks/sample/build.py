"""A network from its configuration, and whether tensors fit it."""

from __future__ import annotations

import re
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate
from torch import Tensor, nn

from ganworks.errors import GanworksError


def build_generator(config: dict[str, Any]) -> nn.Module:
    """Instantiate the player of a configuration that was checked: a network, or several by name.

    Raises:
        GanworksError: a ``_target_`` that is no network, or that cannot be built.
    """
    if "_target_" not in config:
        return nn.ModuleDict({name: build_generator(part) for name, part in config.items() if part})
    target = get_class(config["_target_"])
    if not issubclass(target, nn.Module):
        raise GanworksError(
            f"{config['_target_']} is no network: a generator's _target_ must be an nn.Module class."
        )
    try:
        return instantiate(config)
    except InstantiationException as error:
        raise GanworksError(f"{config['_target_']} can't be built: {error.__cause__ or error}") from error


def check_weights(expected: dict[str, Any], found: dict[str, Any], source: str) -> None:
    """Raise `GanworksError` naming the first tensors of ``found`` that differ in name or shape from ``expected``."""
    differences = [
        f"{name}: {_shape(found, name)} in the file, {_shape(expected, name)} in this configuration"
        for name in dict.fromkeys([*expected, *found])
        if _shape(found, name) != _shape(expected, name)
    ]
    if differences:
        more = f"\n  ... and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise GanworksError(f"{source} is from another model:\n  " + "\n  ".join(differences[:3]) + more)


def _shape(state: dict[str, Any], name: str) -> str:
    if name not in state:
        return "absent"
    # A module may keep other state than tensors (`get_extra_state`).
    return str(tuple(state[name].shape)) if isinstance(state[name], Tensor) else "there"


def reason(error: BaseException) -> str:
    """Return the first sentence of an error, or its kind where it says nothing that helps."""
    text = re.split(r"(?<=[.!])\s|\n", str(error))[0].rstrip(".")[:150]
    return text if " " in text else type(error).__name__
