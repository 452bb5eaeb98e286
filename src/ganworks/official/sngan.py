"""Weights of SNGAN with projection (pfnet-research/sngan_projection, Chainer, MIT)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ganworks.official.modules import counted, num_places, tensor_names
from ganworks.official.names import renamed_state

CONVS = {"c1": "conv1", "c2": "conv2", "c_sc": "skip"}
WEIGHT = {"W": "weight", "b": "bias", "u": "u"}
NORM = {
    "gamma": "weight",
    "beta": "bias",
    "gammas.W": "gain.weight",
    "betas.W": "shift.weight",
    "avg_mean": "running_mean",
    "avg_var": "running_var",
    "N": "num_batches_tracked",
}


def generator_config(state: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the node of our network for a generator's tensors by official name."""
    num_blocks, last = num_places(state, "block"), _last(state, "c")
    resolution = 4 << num_blocks
    per_class = state.get("block2.b1.gammas.W")
    return {
        "_target_": "ganworks.model.SNGANGenerator",
        "shape": [state[f"{last}.W"].shape[0], resolution, resolution],
        "latent_dim": state["l1.W"].shape[1],
        "num_classes": 0 if per_class is None else len(per_class),
        "width": state[f"{last}.W"].shape[1] // (4 if resolution == 32 else 1),
    }


def generator_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a generator under our names."""
    norm, conv = _last(state, "b"), _last(state, "c")
    modules = {"l1": ("linear", WEIGHT), norm: ("norm", NORM), conv: ("to_image", WEIGHT)}
    for place in range(num_places(state, "block")):
        modules |= {
            f"block{place + 2}.{theirs}": (f"stages.{place}.{ours}", WEIGHT) for theirs, ours in CONVS.items()
        }
        modules |= {f"block{place + 2}.b{n}": (f"stages.{place}.norm{n}", NORM) for n in (1, 2)}
    found = counted(renamed_state(state, tensor_names(state, modules)), network)
    return {k: v.reshape(()) if k.endswith("num_batches_tracked") else v for k, v in found.items()}


def discriminator_config(state: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the node of our network for a discriminator's tensors by official name."""
    resolution = {4: 32, 5: 64, 6: 128}[num_places(state, "block")]
    first, embedding = state["block1.c1.W"], _embedding(state)
    return {
        "_target_": "ganworks.model.SNGANDiscriminator",
        "shape": [first.shape[1], resolution, resolution],
        "num_classes": 0 if embedding is None else len(state[f"{embedding}.W"]),
        "width": first.shape[0] // (2 if resolution == 32 else 1),
    }


def discriminator_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a discriminator under our names."""
    modules = {_last(state, "l"): ("linear", WEIGHT)}
    if (embedding := _embedding(state)) is not None:
        modules[embedding] = ("embedding", WEIGHT)
    for place in range(num_places(state, "block")):
        modules |= {
            f"block{place + 1}.{theirs}": (f"stages.{place}.{ours}", WEIGHT) for theirs, ours in CONVS.items()
        }
    return renamed_state(state, tensor_names(state, modules))


def _last(state: Mapping[str, Tensor], letter: str) -> str:
    """Return the module of the top level whose name is ``letter`` and the largest number, such as b5, c5 or l5."""
    heads = {name.split(".")[0] for name in state}
    numbers = [int(head[1:]) for head in heads if head[:1] == letter and head[1:].isdigit()]
    return f"{letter}{max(numbers, default=0)}"


def _embedding(state: Mapping[str, Tensor]) -> str | None:
    """Return the module of the projection: the only one of the top level that is no block and has no number."""
    heads = {name.split(".")[0] for name in state}
    found = [head for head in heads if not head.startswith("block") and not head[1:].isdigit()]
    return found[0] if len(found) == 1 and state[f"{found[0]}.W"].dim() == 2 else None
