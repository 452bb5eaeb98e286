"""Where a discriminator ends: the layers that make its logits."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import nn

from ganworks.errors import SettingError, setting_path
from ganworks.model.layer.head import LastLayer


def last_layers(network: nn.Module) -> list[str]:
    """Return the names of the layers that make a network's logits, "" where none is found.

    Those that it says in ``last_layers``, else the last `LastLayer`, else the last layer with one output.

    Raises:
        SettingError: several layers look alike, and the network does not say which are last.
    """
    if own := getattr(network, "last_layers", None):
        return list(own)
    modules = {name: each for name, each in network.named_modules() if not f"{name}.".startswith("branches.")}
    heads = [name for name, each in modules.items() if isinstance(each, LastLayer)]
    found = heads or [name for name, each in modules.items() if has_one_output(each)] or [""]
    check_alone(network, found[-1], found)
    return found[-1:]


def check_alone(network: nn.Module, layer: str, found: Sequence[str]) -> None:
    """Raise `SettingError` where ``layer``, the last of those ``found``, does not make all logits by itself."""
    alike = [name for name in found if re.sub(r"\d+", "*", name) == re.sub(r"\d+", "*", layer)]
    if len(alike) > 1:
        several = f"a discriminator that says its last_layers, if these all are ({', '.join(alike)})"
        with setting_path(is_whole=True):  # no setting of the regularizer that asked
            raise SettingError("model.discriminator", type(network).__name__, several)


def has_one_output(layer: nn.Module) -> bool:
    """Say whether a layer is linear with one output."""
    return isinstance(layer, nn.Linear | nn.Conv2d) and len(layer.weight) == 1
