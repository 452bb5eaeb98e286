"""Official networks beside ours: the state dicts and gradients of tests/golden under our names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import torch
from hydra.utils import instantiate
from torch import Tensor, nn

from ganworks.official import biggan, sagan, sngan
from golden import Golden, golden

LAYOUTS: dict[str, ModuleType] = {
    "sngan": sngan,
    "sagan": sagan,
    "biggan_cifar": biggan,
    "biggan_deep": biggan,
}
PREFIX = {"sagan": {"G": "generator", "D": "discriminator"}}
ARGUMENTS = {"biggan_cifar": {"SN_eps": "1e-12", "G_init": "N02"}, "biggan_deep": {"SN_eps": "1e-6"}}
Convert = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


def state_of(file: Golden, name: str, player: str) -> dict[str, Tensor]:
    """The official state dict of a player, "G" or "D"."""
    if name != "sagan":
        return file.group(player)
    start = PREFIX[name][player]
    return {key: tensor.clone() for key, tensor in file.tensors.items() if key.startswith(f"{start}.")}


def built(name: str, player: str, **changed: Any) -> tuple[nn.Module, Convert]:
    """Our network with the official weights, and what takes tensors by official name to our names."""
    layout, state = LAYOUTS[name], state_of(golden(name), name, player)
    role = {"G": "generator", "D": "discriminator"}[player]
    config = getattr(layout, f"{role}_config")(state, ARGUMENTS.get(name, {})) | changed
    network = instantiate(config)

    to_ours = getattr(layout, f"{role}_state")
    holes = {key: torch.full_like(tensor, torch.nan, dtype=torch.float32) for key, tensor in state.items()}

    def convert(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        # What is not given is full of NaN on its way through the layout.
        found = to_ours(holes | dict(tensors), network)
        return {
            key: tensor
            for key, tensor in found.items()
            if not (tensor.isnan().any() or key.endswith("num_batches_tracked"))
        }

    network.load_state_dict(to_ours(state, network))
    return network, convert
