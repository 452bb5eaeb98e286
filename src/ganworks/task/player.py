"""A player: one network, or several by name, with one optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn

from ganworks.errors import SettingError
from ganworks.model.base import networks_of
from ganworks.task.freeze import num_frozen


def as_player(part: nn.Module | Mapping[str, nn.Module]) -> nn.Module:
    """Return a player: a network, or several by name in one module.

    Raises:
        SettingError: a name that every module has for something else, such as ``half`` or ``train``.
    """
    if isinstance(part, nn.Module):
        return part
    empty = nn.ModuleDict()
    for name in part:
        if hasattr(empty, name):
            raise SettingError("model", name, f"networks under other names: torch has a use for {name!r}")
    return nn.ModuleDict(dict(part))


def described(player: nn.Module) -> str:
    """Return the names of a player's classes."""
    parts = networks_of(player).items()
    return ", ".join(
        f"{name}: {type(network).__name__}" if name else type(network).__name__ for name, network in parts
    )


def num_parameters(player: nn.Module) -> int:
    """Return the number of a player's parameters."""
    return sum(parameter.numel() for parameter in player.parameters())


def frozen_of(player: nn.Module) -> str:
    """Return how many of a player's parameters are frozen, in words; nothing where none is."""
    num = num_frozen(player)
    return f" ({num:,} of them frozen)" if num else ""


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Record no gradient for the parameters of ``network`` in the forward passes inside."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad = False
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad = True


@contextmanager
def eager(player: nn.Module) -> Iterator[None]:
    """Call the networks of ``player`` uncompiled inside."""
    compiled = {network: network._compiled_call_impl for network in networks_of(player).values()}
    for network in compiled:
        network._compiled_call_impl = None
    try:
        yield
    finally:
        for network, call in compiled.items():
            network._compiled_call_impl = call


def whole(tensor: Tensor) -> Tensor:
    """Return ``tensor``; a sharded one put together, for which all processes have to ask."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def local(tensor: Tensor) -> Tensor:
    """Return ``tensor``; of a sharded one the part that this process holds."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor
