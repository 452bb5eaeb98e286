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
    factory = with_plain_settings(factory)
    try:
        return fastest(factory, parameters, implementations(factory, allow_fused))
    except (ValueError, TypeError) as error:
        raise GanworksError(f"{describe(factory)}: {error}") from error


def with_plain_settings(factory: OptimizerFactory) -> OptimizerFactory:
    """Return ``factory`` with sequences of numbers, such as ``betas=[0, 0.99]``, as tuples of floats.

    torch refuses an integer among betas, and a config's list type in the state would keep a checkpoint from loading
    with ``weights_only``.
    """
    if not isinstance(factory, functools.partial):
        return factory
    settings = {
        name: tuple(map(float, value)) if is_number_sequence(value) else value
        for name, value in factory.keywords.items()
    }
    return functools.partial(factory.func, *factory.args, **settings)


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
    # The smallest of each kind; of a sharded one zeros_like is sharded too, and a single number beside it is not.
    kinds = {
        (p.device, p.dtype, type(p)): p for p in sorted(parameters, key=torch.Tensor.numel, reverse=True)
    }
    stand_ins = [nn.Parameter(torch.zeros_like(parameter)) for parameter in kinds.values()]
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


def is_number_sequence(value: object) -> bool:
    """Return whether ``value`` is a list, a tuple or a config's list of numbers."""
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(v, int | float) for v in value)
    )
