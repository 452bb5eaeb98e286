"""Weights of SAGAN (brain-research/self-attention-gan, TensorFlow 1, Apache 2.0).

Images are NHWC there, kernels (kh, kw, in, out).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ganworks.model.layer.shape import BASE
from ganworks.official.modules import counted, nested, num_places, tensor_names
from ganworks.official.names import renamed_state

G, D = "generator.model.", "discriminator.model."
WEIGHT = {"w": "weight", "biases": "bias", "u": "u"}
DENSE = {"Matrix": "weight", "bias": "bias", "u": "u"}
CLASS_NORM = {"gamma": "gain.weight", "beta": "shift.weight", "mean": "running_mean", "var": "running_var"}
NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
ATTENTION = nested(
    {
        "sn_conv_theta": "query",
        "sn_conv_phi": "key",
        "sn_conv_g": "value",
        "sn_conv_attn": "out",
    },
    WEIGHT,
) | {"sigma_ratio": "gamma"}


def generator_config(state: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the node of our network for a generator's tensors by official name."""
    resolution = BASE << num_places(state, f"{G}g_block")
    *_, width, channels = state[f"{G}g_snconv_last.w"].shape
    query = state.get(f"{G}g_non_local.sn_conv_theta.w")
    return {
        "_target_": "ganworks.model.SAGANGenerator",
        "shape": [channels, resolution, resolution],
        "latent_dim": state[f"{G}g_snh0.Matrix"].shape[0],
        "num_classes": len(state[f"{G}g_block1.cbn_0.gamma"]),
        "width": width,
        "attention": 0 if query is None else resolution * width // query.shape[2],
    }


def generator_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a generator under our names and in our layout."""
    modules = {
        "g_snh0": ("linear", DENSE),
        "g_non_local": ("attention", ATTENTION),
        "g_bn": ("norm", NORM),
        "g_snconv_last": ("to_image", WEIGHT),
    }
    for place in range(num_places(state, f"{G}g_block")):
        theirs, ours = f"g_block{place + 1}", f"stages.{place}"
        modules |= {f"{theirs}.cbn_{n}": (f"{ours}.norm{n + 1}", CLASS_NORM) for n in (0, 1)}
        modules |= {
            f"{theirs}.snconv{n}": (f"{ours}.{name}", WEIGHT)
            for n, name in ((1, "conv1"), (2, "conv2"), (3, "skip"))
        }
    found = _converted(renamed_state(state, tensor_names(state, modules, G)))
    # The 4x4 map is (4, 4, C) there and (C, 4, 4) here: the rows of the dense layer in another order.
    for name, axis in (("weight", 0), ("bias", 0), ("u", 1)):
        found[f"linear.{name}"] = _channels_first(found[f"linear.{name}"], axis)
    return counted(found, network)


def discriminator_config(state: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the node of our network for a discriminator's tensors by official name."""
    resolution = 2 << 1 + num_places(
        state, f"{D}d_block"
    )  # the last block keeps the side, the first is counted apart
    *_, channels, width = state[f"{D}d_optimized_block1.sn_conv1.w"].shape
    query = state.get(f"{D}d_non_local.sn_conv_theta.w")
    return {
        "_target_": "ganworks.model.SAGANDiscriminator",
        "shape": [channels, resolution, resolution],
        "num_classes": len(state[f"{D}d_embedding.embedding_map"]),
        "width": width,
        "attention": 0 if query is None else resolution * width // query.shape[2] // 2,
    }


def discriminator_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a discriminator under our names and in our layout."""
    modules = {
        "d_non_local": ("attention", ATTENTION),
        "d_sn_linear": ("linear", DENSE),
        "d_embedding": ("embedding", {"embedding_map": "weight", "u": "u"}),
    }
    for place in range(1 + num_places(state, f"{D}d_block")):
        theirs = f"d_block{place + 1}" if place else "d_optimized_block1"
        modules |= {
            f"{theirs}.sn_conv{n}": (f"stages.{place}.{name}", WEIGHT)
            for n, name in ((1, "conv1"), (2, "conv2"), (3, "skip"))
        }
    return _converted(renamed_state(state, tensor_names(state, modules, D)))


def _converted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return kernels as (out, in, kh, kw), matrices as (out, in), statistics as (C,), the gain as a scalar."""
    found = dict(state)
    for name, tensor in state.items():
        if tensor.dim() == 4:
            is_kernel = name.endswith("weight")
            found[name] = tensor.permute(3, 2, 0, 1).contiguous() if is_kernel else tensor.flatten()
        elif name == "linear.weight":
            found[name] = tensor.t().contiguous()
        elif name == "attention.gamma":
            found[name] = tensor.reshape(())
    return found


def _channels_first(tensor: Tensor, axis: int) -> Tensor:
    """Return what runs over (4, 4, C) along ``axis`` as running over (C, 4, 4)."""
    split = tensor.unflatten(axis, (BASE, BASE, -1))
    return split.movedim(axis + 2, axis).flatten(axis, axis + 2).contiguous()
