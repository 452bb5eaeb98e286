"""From the optimizer that a config describes to one over a network's parameters."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence

import torch
from torch import nn

from ganworks.errors import GanworksError

OptimizerFactory = Callable[..., torch.optim.Optimizer]


def build(factory: OptimizerFactory, module: nn.Module, allow_fused: bool = True) -> torch.optim.Optimizer:
    """Return ``factory(parameters)`` in its fastest implementation: fused, or else foreach.

    A `functools.partial` that sets ``fused`` or ``foreach`` itself is left as it is.

    Args:
        factory: an optimizer class or a partial of one, for example `partial(torch.optim.Adam, lr=2e-4)`.
        module: the network whose trainable parameters it gets.
        allow_fused: False under a gradient scaler: a fused optimizer unscales the gradients inside its step,
            after the point at which they are clipped.

    Raises:
        GanworksError: the optimizer rejects its settings.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        optimizer = fastest(factory, parameters, implementations(factory, allow_fused))
    except (ValueError, TypeError) as error:
        raise GanworksError(f"{describe(factory)}: {error}") from error
    for group in optimizer.param_groups:
        # a config's list type in the state would keep the checkpoint from loading with weights_only
        group.update({name: tuple(value) for name, value in group.items() if is_config_list(value)})
    return optimizer


def fastest(
    factory: OptimizerFactory, parameters: list[nn.Parameter], options: list[str]
) -> torch.optim.Optimizer:
    """Return the optimizer with the first option that the parameters' devices and types support."""
    for option in options:
        if is_supported(factory, parameters, option):
            return factory(parameters, **{option: True})
    return factory(parameters)


def is_supported(factory: OptimizerFactory, parameters: list[nn.Parameter], option: str) -> bool:
    """Return whether one step on a stand-in of every device and type works: torch checks no sooner."""
    kinds = {(parameter.device, parameter.dtype) for parameter in parameters}
    stand_ins = [nn.Parameter(torch.zeros(1, device=device, dtype=dtype)) for device, dtype in kinds]
    for stand_in in stand_ins:
        stand_in.grad = torch.zeros_like(stand_in)
    try:
        factory(stand_ins, **{option: True}).step()
    except RuntimeError:
        return False
    return True


def implementations(factory: OptimizerFactory, allow_fused: bool) -> list[str]:
    """Return which of ``fused`` and ``foreach`` to try, in this order."""
    options = ["fused", "foreach"] if allow_fused else ["foreach"]
    if isinstance(factory, functools.partial):
        if {"fused", "foreach"} & factory.keywords.keys():
            return []
        factory = factory.func
    return [option for option in options if option in inspect.signature(factory).parameters]


def describe(factory: OptimizerFactory) -> str:
    """Return the optimizer as its user wrote it: ``Adam(lr=0.0002)``."""
    if not isinstance(factory, functools.partial):
        return getattr(factory, "__name__", str(factory))
    settings = ", ".join(f"{name}={value}" for name, value in factory.keywords.items())
    return f"{describe(factory.func)}({settings})"


def is_config_list(value: object) -> bool:
    """Return whether a setting is a sequence, but not a plain one (nor text)."""
    return isinstance(value, Sequence) and not isinstance(value, list | tuple | str)
