"""The layout of R3GAN's official weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ganworks.model.r3gan import R3GANDiscriminator, R3GANGenerator
from ganworks.official.names import renamed_state

CONSTANTS = ("*.Resampler.Kernel",)
BLOCK = {
    "LinearLayer1.Layer.weight": "first.weight",
    "LinearLayer2.Layer.weight": "middle.weight",
    "LinearLayer3.Layer.weight": "last.weight",
    "NonLinearity1.Bias": "first_bias",
    "NonLinearity2.Bias": "middle_bias",
}


def generator_config(
    state: Mapping[str, Tensor], arguments: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the node of our generator with the sizes of ``state``; the official one needs no other arguments."""
    widths, blocks = _stages(state)
    resolution = 4 << (len(widths) - 1)
    basis, embedding = state["MainLayers.0.Layers.0.LinearLayer.weight"], state.get("EmbeddingLayer.weight")
    return {
        "_target_": "ganworks.model.R3GANGenerator",
        "shape": [len(state["AggregationLayer.Layer.weight"]), resolution, resolution],
        "latent_dim": basis.shape[1] - (0 if embedding is None else embedding.shape[0]),
        "num_classes": 0 if embedding is None else embedding.shape[1],
        "widths": widths,
        "group_size": _group_size(state),
        "num_blocks": blocks,
    }


def discriminator_config(
    state: Mapping[str, Tensor], arguments: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the node of our discriminator with the sizes of ``state``."""
    widths, blocks = (part[::-1] for part in _stages(state))
    resolution = 4 << (len(widths) - 1)
    embedding = state.get("EmbeddingLayer.weight")
    return {
        "_target_": "ganworks.model.R3GANDiscriminator",
        "shape": [state["ExtractionLayer.Layer.weight"].shape[1], resolution, resolution],
        "num_classes": 0 if embedding is None else embedding.shape[1],
        "widths": widths,
        "group_size": _group_size(state),
        "num_blocks": blocks,
        "embedding_dim": None if embedding is None else embedding.shape[0],
    }


def generator_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return the official tensors under the names of our generator."""
    assert isinstance(network, R3GANGenerator)
    first = "MainLayers.0.Layers.0"
    names = {
        f"{first}.Basis": "basis",
        f"{first}.LinearLayer.weight": "project.weight",
        "AggregationLayer.Layer.weight": "to_image.weight",
    }
    for place, blocks in enumerate(network.stages):
        # Each stage begins with its basis or its transition.
        names |= _block_names(place, blocks, offset=1)
        if place and not isinstance(network.transitions[place - 1], nn.Identity):
            names[f"MainLayers.{place}.Layers.0.LinearLayer.Layer.weight"] = f"transitions.{place - 1}.weight"
    return _with_embedding(state, network, names)


def discriminator_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return the official tensors under the names of our discriminator."""
    assert isinstance(network, R3GANDiscriminator)
    last, num_last = len(network.stages) - 1, len(network.stages[-1])  # type: ignore[arg-type]
    names = {
        "ExtractionLayer.Layer.weight": "from_image.weight",
        f"MainLayers.{last}.Layers.{num_last}.Basis.weight": "basis.weight",
        f"MainLayers.{last}.Layers.{num_last}.LinearLayer.weight": "head.weight",
    }
    for place, blocks in enumerate(network.stages):
        names |= _block_names(place, blocks, offset=0)
        if place < last and not isinstance(network.transitions[place], nn.Identity):
            end = len(blocks)  # type: ignore[arg-type]
            names[f"MainLayers.{place}.Layers.{end}.LinearLayer.Layer.weight"] = f"transitions.{place}.weight"
    return _with_embedding(state, network, names)


def _block_names(place: int, blocks: nn.Module, offset: int) -> dict[str, str]:
    return {
        f"MainLayers.{place}.Layers.{offset + index}.{theirs}": f"stages.{place}.{index}.{ours}"
        for index in range(len(blocks))  # type: ignore[arg-type]
        for theirs, ours in BLOCK.items()
    }


def _with_embedding(
    state: Mapping[str, Tensor], network: nn.Module, names: dict[str, str]
) -> dict[str, Tensor]:
    """Return the renamed tensors; theirs has a column for each class, ours a row."""
    if network.embedding is not None:
        names["EmbeddingLayer.weight"] = "embedding.weight"
    ours = renamed_state(state, names, CONSTANTS)
    if network.embedding is not None:
        ours["embedding.weight"] = ours["embedding.weight"].t().contiguous()
    return ours


def _stages(state: Mapping[str, Tensor]) -> tuple[list[int], list[int]]:
    """Return the widths and the numbers of blocks of the stages in the file's order."""
    end = ".LinearLayer1.Layer.weight"
    firsts = [(int(name.split(".")[1]), w.shape[1]) for name, w in state.items() if name.endswith(end)]
    widths = dict(sorted(firsts))
    return list(widths.values()), [sum(place == at for place, _ in firsts) for at in widths]


def _group_size(state: Mapping[str, Tensor]) -> int:
    """Return the channels a group of the 3x3 convolutions: the most of all stages, as narrow ones have one group."""
    return max(w.shape[1] for name, w in state.items() if name.endswith(".LinearLayer2.Layer.weight"))
