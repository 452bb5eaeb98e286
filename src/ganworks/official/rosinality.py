"""StyleGAN2 as rosinality's stylegan2-pytorch names it: the same network, so its tensors go by NVIDIA's names.

A table of names and shapes, and no more: layers are numbered there, and named by the side of their map here. Weights of
modulated convolutions have a dimension in front, (1, out, in, k, k); the mean of w stands beside the networks of files
that were made from NVIDIA's, and is zero where it is not given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ganworks.errors import GanworksError
from ganworks.official.recognise import GENERATOR

ARGUMENTS: dict[
    str, float
] = {}  # its layers have neither clamp nor half precision, as ours without arguments
State = Mapping[str, Tensor]
# Of a layer with a style, and of one that makes an image: theirs to NVIDIA's.
STYLED = {
    "conv.weight": "weight", "conv.modulation.weight": "affine.weight", "conv.modulation.bias": "affine.bias",
    "activate.bias": "bias", "noise.weight": "noise_strength", "bias": "bias",
}  # fmt: skip
CRITIC = {  # of the discriminator: FIR filters have numbers too
    "conv1.0.weight": "conv0.weight", "conv1.1.bias": "conv0.bias",
    "conv2.1.weight": "conv1.weight", "conv2.2.bias": "conv1.bias", "skip.1.weight": "skip.weight",
}  # fmt: skip
LAST = {
    "final_conv.0.weight": "b4.conv.weight", "final_conv.1.bias": "b4.conv.bias",
    "final_linear.0.weight": "b4.fc.weight", "final_linear.0.bias": "b4.fc.bias",
    "final_linear.1.weight": "b4.out.weight", "final_linear.1.bias": "b4.out.bias",
}  # fmt: skip
FILTER = re.compile(r".*\.kernel")  # the taps of the filters


def official_state(state: State, role: str) -> dict[str, Tensor]:
    """Return the tensors of a network by NVIDIA's names and in their shapes.

    Raises:
        GanworksError: a tensor that has no place there.
    """
    if role != GENERATOR:
        resolution = 4 * 2 ** len(
            {name.split(".")[1] for name in state if re.match(r"convs\.\d+\.conv1\.", name)}
        )
        names = {name: critic_name(name, resolution) for name in state if not FILTER.fullmatch(name)}
        return _renamed(state, names)
    names = {name: generator_name(name) for name in state if not FILTER.fullmatch(name)}
    found = {name: _reshaped(name, tensor) for name, tensor in _renamed(state, names).items()}
    w_dim = found["mapping.fc0.weight"].shape[0]
    return {"mapping.w_avg": torch.zeros(w_dim)} | found


def generator_name(name: str) -> str | None:
    """Return NVIDIA's name of a generator's tensor; None if there is none.

    >>> generator_name("convs.0.conv.weight"), generator_name("to_rgbs.1.bias"), generator_name("style.8.bias")
    ('synthesis.b8.conv0.weight', 'synthesis.b16.torgb.bias', 'mapping.fc7.bias')
    """
    if name in ("input.input", "latent_avg"):
        return {"input.input": "synthesis.b4.const", "latent_avg": "mapping.w_avg"}[name]
    if match := re.fullmatch(r"style\.(\d+)\.(weight|bias)", name):
        return f"mapping.fc{int(match[1]) - 1}.{match[2]}"  # the first layer normalises, and has no tensors
    if match := re.fullmatch(r"noises\.noise_(\d+)", name):
        return f"{_layer(int(match[1]))}.noise_const"
    if match := re.fullmatch(r"(conv1|convs\.(\d+))\.(.+)", name):
        place = _layer(0 if match[2] is None else int(match[2]) + 1)
        return f"{place}.{STYLED[match[3]]}" if match[3] in STYLED else None
    if match := re.fullmatch(r"(to_rgb1|to_rgbs\.(\d+))\.(.+)", name):
        side = 4 if match[2] is None else 8 * 2 ** int(match[2])
        return f"synthesis.b{side}.torgb.{STYLED[match[3]]}" if match[3] in STYLED else None
    return None


def critic_name(name: str, resolution: int) -> str | None:
    """Return NVIDIA's name of a discriminator's tensor; None if there is none.

    >>> critic_name("convs.0.0.weight", 16), critic_name("convs.2.conv2.1.weight", 16)
    ('b16.fromrgb.weight', 'b8.conv1.weight')
    """
    if name in LAST:
        return LAST[name]
    if name in ("convs.0.0.weight", "convs.0.1.bias"):
        return f"b{resolution}.fromrgb.{name.rpartition('.')[2]}"
    match = re.fullmatch(r"convs\.(\d+)\.(.+)", name)
    if match is None or match[2] not in CRITIC:
        return None
    return f"b{resolution // 2 ** (int(match[1]) - 1)}.{CRITIC[match[2]]}"


def _layer(number: int) -> str:
    """Return the layer that is the ``number``-th with noise: one at 4x4, then two at each side."""
    side = 4 * 2 ** ((number + 1) // 2)
    return f"synthesis.b{side}.conv{(number + 1) % 2 if number else 1}"


def _reshaped(name: str, tensor: Tensor) -> Tensor:
    if name.endswith("noise_strength"):
        return tensor.reshape(())
    if name.endswith("noise_const"):
        return tensor.reshape(tensor.shape[-2:])
    if name.endswith("torgb.bias"):
        return tensor.flatten()
    return tensor[0] if tensor.dim() == 5 or name.endswith(".const") else tensor


def _renamed(state: State, names: Mapping[str, str | None]) -> dict[str, Tensor]:
    unknown = [name for name, theirs in names.items() if theirs is None]
    if unknown:
        raise GanworksError(f"These weights have another layout: unknown {', '.join(unknown[:3])}.")
    return {str(theirs): state[name] for name, theirs in names.items()}
