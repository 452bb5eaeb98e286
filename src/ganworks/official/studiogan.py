"""BigGAN as PyTorch-StudioGAN names it (its backbone `big_resnet`): the network of BigGAN-PyTorch under other names.

A table of names, and no more. Convolutions are numbered, the shortcut's is 0; a batch norm is a module beside its gain
and its shift; spectral norm is torch's, which stores u and v. Ours computes v from u by one iteration, as
BigGAN-PyTorch does: sigma is the same as far as the iteration has converged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from ganworks.errors import GanworksError

ARGUMENTS = {"BN_eps": 1e-4, "SN_eps": 1e-6}  # constants of its layers, which its files do not hold
MODULES = {
    "linear0": "linear", "bn4": "output_layer.0", "conv2d5": "output_layer.2",
    "linear1": "linear", "embedding": "embed", "shared": "shared",
}  # fmt: skip
INNER = {
    "conv2d0": "conv_sc", "conv2d1": "conv1", "conv2d2": "conv2", "bn1": "bn1", "bn2": "bn2",
    "conv1x1_theta": "theta", "conv1x1_phi": "phi", "conv1x1_g": "g", "conv1x1_attn": "o",
}  # fmt: skip
STATISTICS = {"bn.running_mean": "stored_mean", "bn.running_var": "stored_var"}
LAST_NORM = {"weight": "gain", "bias": "bias", "running_mean": "stored_mean", "running_var": "stored_var"}
WEIGHT = {"weight_orig": "weight", "weight_u": "u0", "weight": "weight", "bias": "bias"}
LEFT_OUT = re.compile(r".*\.(weight_v|num_batches_tracked)")


def official_state(state: Mapping[str, Tensor], role: str) -> dict[str, Tensor]:
    """Return the tensors of a network by BigGAN-PyTorch's names and in their shapes.

    Raises:
        GanworksError: a tensor that has no place there.
    """
    names = {name: official_name(name) for name in state if not LEFT_OUT.fullmatch(name)}
    unknown = [name for name, theirs in names.items() if theirs is None]
    if unknown:
        raise GanworksError(
            f"This {role} of PyTorch-StudioGAN has another layout: unknown {', '.join(unknown[:3])}."
        )
    return {
        str(theirs): state[name][None] if name.endswith("weight_u") else state[name]
        for name, theirs in names.items()
    }


def official_name(name: str) -> str | None:
    """Return BigGAN-PyTorch's name of a tensor; None if there is none.

    >>> official_name("blocks.1.0.conv2d0.weight_u"), official_name("blocks.0.0.bn1.gain.weight_orig")
    ('blocks.1.0.conv_sc.u0', 'blocks.0.0.bn1.gain.weight')
    """
    block = re.fullmatch(r"(blocks\.\d+\.\d+)\.(.+)", name)
    if block is None:
        module, _, rest = name.partition(".")
        renamed = (LAST_NORM if module == "bn4" else WEIGHT).get(rest)
        return f"{MODULES[module]}.{renamed}" if module in MODULES and renamed else None
    place, inner = block[1], block[2]
    if inner == "sigma":  # the gain of the attention
        return f"{place}.gamma"
    module, _, rest = inner.partition(".")
    norm = re.fullmatch(r"(gain|bias)\.(.+)", rest)
    renamed = STATISTICS.get(rest) or (
        f"{norm[1]}.{WEIGHT[norm[2]]}" if norm and norm[2] in WEIGHT else WEIGHT.get(rest)
    )
    return f"{place}.{INNER[module]}.{renamed}" if module in INNER and renamed else None
