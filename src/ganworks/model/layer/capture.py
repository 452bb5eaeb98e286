"""What the inner modules of a network return while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from ganworks.errors import SettingError


@contextmanager
def captured(network: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Keep what the modules ``layers`` of ``network`` return inside, by name, with its graph."""
    seen: dict[str, Tensor] = {}
    modules = dict(network.named_modules())
    # For this call alone: a copy of the network copies no hooks.
    hooks = [modules[name].register_forward_hook(keep(seen, name)) for name in layers]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def keep(seen: dict[str, Tensor], name: str) -> Callable[..., None]:
    """Return a hook that keeps what a module returns under ``name``."""

    def hook(module: nn.Module, arguments: Any, output: Tensor) -> None:
        seen[name] = output

    return hook


def check_layers(network: nn.Module, layers: Sequence[str]) -> tuple[str, ...]:
    """Return ``layers``; raise `SettingError` unless each is the name of a module of ``network``."""
    names = [name for name, _ in network.named_modules() if name]
    for layer in layers:
        if layer not in names:
            raise SettingError("layers", layer, "names of modules of the network", names)
    return tuple(layers)


def is_block(name: str) -> bool:
    """Say whether a module is one of a network's blocks: ``blocks.3``, ``transformer.resblocks.3``."""
    parts = name.split(".")
    return len(parts) > 1 and parts[-1].isdigit() and parts[-2] in ("blocks", "resblocks")


def spread_blocks(network: nn.Module, num: int = 4) -> tuple[str, ...]:
    """Return the names of up to ``num`` blocks of a network: those that end equal parts of its depth."""
    blocks = [name for name, _ in network.named_modules() if is_block(name)]
    places = [(place * len(blocks)) // num - 1 for place in range(1, num + 1)]
    return tuple(blocks[place] for place in sorted({place for place in places if place >= 0}))
