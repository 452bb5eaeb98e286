"""Weights of BigGAN and BigGAN-deep, and of SNGAN and SAGAN by the same code (ajbrock/BigGAN-PyTorch, MIT).

The files G.pth, G_ema.pth and D.pth are plain state dicts. Names of several GPUs begin with "module.".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ganworks.model.class_resnet import DISCRIMINATOR_WIDTHS, GENERATOR_WIDTHS
from ganworks.official.modules import counted, nested, num_places, tensor_names
from ganworks.official.names import renamed_state

INITS = {"ortho": "orthogonal", "N02": "normal", "xavier": "xavier", "glorot": "xavier"}
WEIGHT = {"weight": "weight", "bias": "bias", "u0": "u"}
STATISTICS = {"stored_mean": "running_mean", "stored_var": "running_var"}
NORM = {"gain": "weight", "bias": "bias", **STATISTICS}
CLASS_NORM = STATISTICS | nested({"gain": "gain", "bias": "shift"}, WEIGHT)
CONVS = {"conv1": "conv1", "conv2": "conv2", "conv3": "conv3", "conv4": "conv4", "conv_sc": "skip"}
ATTENTION = nested({"theta": "query", "phi": "key", "g": "value", "o": "out"}, WEIGHT) | {"gamma": "gamma"}
ESTIMATES = ("*.sv0",)  # the last estimate of sigma, which is only logged


def generator_config(state: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the node of our network for a generator's tensors by official name, after its script's arguments.

    Read are G_depth, G_init, SN_eps and BN_eps; everything else is in the shapes.
    """
    state = _bare(state)
    is_deep, num_blocks = _is_deep(state), num_places(state, "blocks.")
    depth = int(arguments.get("G_depth", 2)) if is_deep else 1
    num_stages = num_blocks // depth
    resolution = 4 << num_stages
    node = {
        "_target_": f"ganworks.model.BigGAN{'Deep' * is_deep}Generator",
        "shape": [state["output_layer.2.weight"].shape[0], resolution, resolution],
        "width": len(state["output_layer.0.gain"]) // GENERATOR_WIDTHS[resolution][-1],
        "attention": _attention(state, [8 << place // depth for place in range(num_blocks)]),
        "init": INITS[str(arguments.get("G_init", "ortho"))],
        "spectral_eps": float(arguments.get("SN_eps", 1e-6)),
        "norm_eps": float(arguments.get("BN_eps", 1e-5)),
    }
    return node | _conditions(state, num_stages) | ({"num_blocks": depth} if is_deep else {})


def _conditions(state: Mapping[str, Tensor], num_stages: int) -> dict[str, Any]:
    """Return latent_dim, num_classes, shared_dim and whether the latent is split."""
    num_first, first_gain = state["linear.weight"].shape[1], state["blocks.0.0.bn1.gain.weight"]
    if "shared.weight" not in state:
        return {
            "latent_dim": num_first,
            "num_classes": len(first_gain),
            "shared_dim": 0,
            "hierarchical": False,
        }
    num_classes, shared_dim = state["shared.weight"].shape
    found = {"num_classes": num_classes, "shared_dim": shared_dim}
    if _is_deep(state):
        return found | {"latent_dim": num_first - shared_dim}
    is_split = first_gain.shape[1] > shared_dim
    return found | {
        "latent_dim": num_first * (num_stages + 1 if is_split else 1),
        "hierarchical": is_split,
    }


def generator_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a generator under our names."""
    state = _bare(state)
    modules = {
        "shared": ("shared", WEIGHT),
        "linear": ("linear", WEIGHT),
        "output_layer.0": ("norm", NORM),
        "output_layer.2": ("to_image", WEIGHT),
    }
    num_blocks = num_places(state, "blocks.")
    num_in_stage = num_blocks // len(network.get_submodule("stages"))  # type: ignore[arg-type]
    for place in range(num_blocks):
        stage, block = divmod(place, num_in_stage)
        ours = f"stages.{stage}.{block}" if _is_deep(state) else f"stages.{stage}"
        modules |= _block_modules(f"blocks.{place}.0", ours) | {f"blocks.{place}.1": ("attention", ATTENTION)}
    return counted(renamed_state(state, tensor_names(state, modules), ESTIMATES), network)


def discriminator_config(state: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the node of our network for a discriminator's tensors, after its script's D_init and SN_eps."""
    state = _bare(state)
    is_deep, num_stages = _is_deep(state), num_places(state, "blocks.")
    # Of the wide network the last block keeps the side; that of 32 pixels stops at 8x8.
    width_of_last = state["linear.weight"].shape[1]
    first = state["input_conv.weight" if is_deep else "blocks.0.0.conv1.weight"]
    width_of_first = len(first) if is_deep else len(state["blocks.0.0.conv2.weight"])
    is_small = not is_deep and width_of_first == width_of_last
    resolution = 32 if is_small else 4 << (num_stages if is_deep else num_stages - 1)
    depth = 1 + max(int(name.split(".")[2]) for name in state if name.endswith("conv2.weight"))
    sides = [resolution >> n + 1 for n in range(num_stages)]
    node = {
        "_target_": f"ganworks.model.BigGAN{'Deep' * is_deep}Discriminator",
        "shape": [first.shape[1], resolution, resolution],
        "num_classes": len(state["embed.weight"]),
        "width": width_of_last // DISCRIMINATOR_WIDTHS[resolution][-1],
        "attention": _attention(state, sides),
        "init": INITS[str(arguments.get("D_init", "ortho"))],
        "spectral_eps": float(arguments.get("SN_eps", 1e-6)),
    }
    if is_deep:
        return node | {"num_blocks": depth}
    return node | {"hidden": "output" if len(first) == width_of_first else "input"}


def discriminator_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a discriminator under our names."""
    state = _bare(state)
    modules = {
        "input_conv": ("stem", WEIGHT),
        "linear": ("linear", WEIGHT),
        "embed": ("embedding", WEIGHT),
    }
    blocks = {tuple(name.split(".")[1:3]) for name in state if name.startswith("blocks.")}
    for stage, block in blocks:
        theirs = f"blocks.{stage}.{block}"
        ours = f"stages.{stage}.{block}" if _is_deep(state) else f"stages.{stage}"
        is_attention = f"{theirs}.gamma" in state
        modules |= {theirs: ("attention", ATTENTION)} if is_attention else _block_modules(theirs, ours)
    return renamed_state(state, tensor_names(state, modules), ESTIMATES)


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors without the prefix that training on several GPUs gave them."""
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _is_deep(state: Mapping[str, Tensor]) -> bool:
    return "blocks.0.0.conv4.weight" in state


def _attention(state: Mapping[str, Tensor], sides: list[int]) -> int:
    """Return the side of the map that attends to itself, from the places of the blocks; 0 for none."""
    at = [int(name.split(".")[1]) for name in state if name.endswith("theta.weight")]
    return sides[at[0]] if at else 0


def _block_modules(theirs: str, ours: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the modules of a block, those that it does not have included."""
    convs = {f"{theirs}.{conv}": (f"{ours}.{name}", WEIGHT) for conv, name in CONVS.items()}
    return convs | {f"{theirs}.bn{n}": (f"{ours}.norm{n}", CLASS_NORM) for n in range(1, 5)}
