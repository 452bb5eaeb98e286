"""The layout of StyleGAN3's official weights: github.com/NVlabs/stylegan3. Discriminators are StyleGAN2's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ganworks.official.names import renamed_state
from ganworks.official.stylegan2 import discriminator_config, discriminator_state, num_mapping, precision

__all__ = ["discriminator_config", "discriminator_state", "generator_config", "generator_state"]

CONSTANTS = ("*.up_filter", "*.down_filter")
LAYER = re.compile(r"synthesis\.(L(\d+)_(\d+)_(\d+))\.weight")


def generator_config(state: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return our configuration of a generator; ``arguments`` as in `ganworks.official.stylegan2`.

    Those of configuration R hold twice the channels that ours names.
    """
    given = {**arguments, **dict(arguments.get("synthesis_kwargs") or {})}
    layers = layers_of(state)
    last = state[f"synthesis.{layers[-1]}.weight"]
    resolution = int(layers[-1].split("_")[1])
    embed = state.get("mapping.embed.weight")
    kernel = state[f"synthesis.{layers[0]}.weight"].shape[-1]
    is_radial = kernel == 1
    return {
        "_target_": "ganworks.model.StyleGAN3Generator",
        "shape": [len(last), resolution, resolution],
        "latent_dim": state["mapping.fc0.weight"].shape[1] - (0 if embed is None else embed.shape[0]),
        "num_classes": 0 if embed is None else embed.shape[1],
        "kind": "r" if is_radial else "t",
        "w_dim": state["mapping.w_avg"].shape[-1],
        "num_mapping": num_mapping(state),
        "channel_base": int(given.get("channel_base", 32768)) // (1 + is_radial),
        "channel_max": int(given.get("channel_max", 512)) // (1 + is_radial),
        "num_layers": len(layers) - 1,
        "num_critical": int(given.get("num_critical", 2)),
        **precision({"conv_clamp": 256, "num_fp16_res": 4} | given),
        "w_decay": float(dict(arguments.get("mapping_kwargs") or {}).get("w_avg_beta", 0.998)),
        "magnitude_decay": float(given.get("magnitude_ema_beta", 0.999)),
    }


def generator_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return the official tensors of a generator under our names."""
    layers = layers_of(state)
    names = {official(name, layers): name for name in network.state_dict()}
    return renamed_state(state, names, CONSTANTS)


def official(name: str, layers: list[str]) -> str:
    """Return the official name of a tensor of ours.

    >>> official("layers.0.magnitude", ["L0_36_512"]), official("mapping.layers.1.bias", [])
    ('synthesis.L0_36_512.magnitude_ema', 'mapping.fc1.bias')
    """
    if name == "w_mean":
        return "mapping.w_avg"
    if name.startswith("mapping."):
        return name.replace(".layers.", ".fc")
    if name.startswith("input."):
        return f"synthesis.{name}"
    _, place, rest = name.split(".", 2)
    theirs = layers[int(place)] if int(place) < len(layers) else f"L{place}"
    return f"synthesis.{theirs}.{'magnitude_ema' if rest == 'magnitude' else rest}"


def layers_of(state: Mapping[str, Tensor]) -> list[str]:
    """Return the official names of the layers in order; they hold the side and the channels of their output."""
    found = [match for name in state if (match := LAYER.fullmatch(name))]
    return [match[1] for match in sorted(found, key=lambda match: int(match[2]))]
