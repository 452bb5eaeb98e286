"""StyleGAN2 as its authors store it: github.com/NVlabs/stylegan2-ada-pytorch, and the same in stylegan3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ganworks.official.names import renamed_state

GENERATOR = "ganworks.model.StyleGAN2Generator"
DISCRIMINATOR = "ganworks.model.StyleGAN2Discriminator"
CONSTANTS = ("*resample_filter",)  # the taps of the filters, which are ours as well
PARTS = {".torgb.": ".to_image.", ".fromrgb.": ".from_image.", ".fc": ".layers."}

State = Mapping[str, Tensor]


def generator_config(state: State, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return our configuration of a generator.

    Args:
        state: its tensors by official name.
        arguments: of its constructor by name; what tensors do not tell is taken from them. ``synthesis_kwargs`` and
            ``mapping_kwargs`` may be dicts among them.
    """
    given = {**arguments, **dict(arguments.get("synthesis_kwargs") or {})}
    widths = widths_of(state, r"synthesis\.b(\d+)\.conv1\.weight", 0)
    resolution = max(widths)
    channels, _, _, _ = state[f"synthesis.b{resolution}.torgb.weight"].shape
    embed = state.get("mapping.embed.weight")
    first = state["mapping.fc0.weight"].shape[1]
    is_residual = f"synthesis.b{resolution}.skip.weight" in state
    return {
        "_target_": GENERATOR,
        "shape": [channels, resolution, resolution],
        "latent_dim": first - (0 if embed is None else embed.shape[0]),
        "num_classes": 0 if embed is None else embed.shape[1],
        "w_dim": state["mapping.w_avg"].shape[-1],
        "num_mapping": num_mapping(state),
        "channel_base": channel_base(widths),
        "channel_max": max(widths.values()),
        "architecture": "resnet" if is_residual else "skip",
        "style_mixing": float(arguments.get("style_mixing_prob", 0.9)),
        **precision(given),
        "w_decay": float(dict(arguments.get("mapping_kwargs") or {}).get("w_avg_beta", 0.995)),
    }


def discriminator_config(state: State, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return our configuration of a discriminator; arguments as for `generator_config`."""
    widths = widths_of(state, r"b(\d+)\.conv0\.weight", 1) | {4: state["b4.conv.weight"].shape[0]}
    resolution = max(widths)
    embed = state.get("mapping.embed.weight")
    has_residuals = f"b{resolution}.skip.weight" in state
    architecture = "resnet" if has_residuals else "skip" if "b4.fromrgb.weight" in state else "orig"
    has_deviation = state["b4.conv.weight"].shape[1] > widths[4]
    epilogue = dict(arguments.get("epilogue_kwargs") or {})
    return {
        "_target_": DISCRIMINATOR,
        "shape": [state[f"b{resolution}.fromrgb.weight"].shape[1], resolution, resolution],
        "num_classes": 0 if embed is None else embed.shape[1],
        "num_mapping": num_mapping(state),
        "channel_base": channel_base(widths),
        "channel_max": max(widths.values()),
        "architecture": architecture,
        "group_size": int(epilogue.get("mbstd_group_size", 4)) if has_deviation else 0,
        **precision(arguments),
    }


def generator_state(state: State, network: nn.Module) -> dict[str, Tensor]:
    """Return the official tensors of a generator under our names."""
    names = {official(name, is_generator=True): name for name in network.state_dict()}
    return renamed_state(state, names, CONSTANTS)


def discriminator_state(state: State, network: nn.Module) -> dict[str, Tensor]:
    """Return the official tensors of a discriminator under our names."""
    names = {official(name, is_generator=False): name for name in network.state_dict()}
    return renamed_state(state, names, CONSTANTS)


def official(name: str, is_generator: bool) -> str:
    """Return the official name of a tensor of ours.

    >>> official("synthesis.b8.to_image.bias", True), official("head.dense.weight", False)
    ('synthesis.b8.torgb.bias', 'b4.fc.weight')
    """
    if name == "w_mean":
        return "mapping.w_avg"
    for theirs, ours in PARTS.items():
        name = name.replace(ours, theirs)
    if is_generator or name.startswith("mapping."):
        return name
    return name.replace("head.dense.", "b4.fc.").replace("head.", "b4.").removeprefix("blocks.")


def widths_of(state: State, pattern: str, dim: int) -> dict[int, int]:
    """Return channels by resolution: dimension ``dim`` of the weights whose names match, which have the resolution."""
    found = {re.fullmatch(pattern, name): tensor for name, tensor in state.items()}
    return {int(match[1]): tensor.shape[dim] for match, tensor in found.items() if match}


def channel_base(widths: Mapping[int, int]) -> int:
    """Return channels times resolution where it tells: of the map of the highest resolution, the narrowest."""
    resolution = max(widths)
    return resolution * widths[resolution]


def num_mapping(state: State) -> int:
    """Return the layers of a mapping network."""
    return sum(bool(re.fullmatch(r"mapping\.fc\d+\.weight", name)) for name in state)


def precision(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of half precision; older files lack the arguments, and then have none."""
    clamp = arguments.get("conv_clamp")
    return {
        "num_half_res": int(arguments.get("num_fp16_res") or 0),
        "clamp": None if clamp is None else float(clamp),
    }
