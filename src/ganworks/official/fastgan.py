"""FastGAN's generator in projected GAN's layout (Sauer et al. 2021, https://arxiv.org/abs/2111.01007)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ganworks.model.fastgan import SHARES, FastGANGenerator, UpBlock
from ganworks.official.names import renamed_state

PREFIX = "synthesis."
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def generator_config(state: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return our node of an official generator.

    Args:
        state: by official name; the sizes are read off it.
        arguments: of the official constructor: ``img_resolution``, which a 128 network's tensors do not tell.
    """
    latent_dim, num_first = state[f"{PREFIX}init.init.0.weight_orig"].shape[:2]
    sides = [side for side in SHARES if any(name.startswith(f"{PREFIX}feat_{side}.") for name in state)]
    embedding = state.get(f"{PREFIX}embed.weight")
    resolution = int(arguments.get("img_resolution", sides[-1]))
    lite = not any(name.startswith((f"{PREFIX}feat_8.5.", f"{PREFIX}feat_8.conv2.")) for name in state)
    return {
        "_target_": "ganworks.model.FastGANGenerator",
        "shape": [len(state[f"{PREFIX}to_big.bias"]), resolution, resolution],
        "latent_dim": int(latent_dim),
        "num_classes": 0 if embedding is None else len(embedding),
        "width": int(num_first) // 32,
        "lite": lite,
    }


def generator_state(state: Mapping[str, Tensor], network: FastGANGenerator) -> dict[str, Tensor]:
    """Return our state dict of the official ``state``.

    Raises:
        GanworksError: a tensor that is missing, or one that nobody takes.
    """
    ours = renamed_state(state, dict(_generator_names(network)))
    # The official conditional norm does not count its batches.
    counts = {n: torch.zeros_like(t) for n, t in network.state_dict().items() if n.endswith("_tracked")}
    return {**counts, **ours}


def _generator_names(network: FastGANGenerator) -> Iterator[tuple[str, str]]:
    """Yield (official name, ours) of every tensor."""
    is_conditional = network.embedding is not None
    if is_conditional:
        yield f"{PREFIX}embed.weight", "embedding.weight"
    yield from spectral_names(f"{PREFIX}init.init.0", "project")
    yield from ((f"{PREFIX}init.init.1.{tensor}", f"norm.{tensor}") for tensor in NORM)
    for side, block in network.blocks.items():
        assert isinstance(block, UpBlock)
        names = _conditional_block_names if is_conditional else _block_names
        yield from names(f"{PREFIX}feat_{side}", f"blocks.{side}", len(block.convs))
    for side in network.excitations:
        yield from spectral_names(f"{PREFIX}se_{side}.main.1", f"excitations.{side}.gate.1")
        yield from spectral_names(f"{PREFIX}se_{side}.main.3", f"excitations.{side}.gate.3")
    yield from spectral_names(f"{PREFIX}to_big", "to_image")
    yield f"{PREFIX}to_big.bias", "to_image.bias"


def _block_names(theirs: str, ours: str, num_convs: int) -> Iterator[tuple[str, str]]:
    # A list of layers: up, conv, noise, norm, glu, conv, noise, norm, glu; the lite one has no noise.
    for place in range(num_convs):
        first = 1 + 4 * place
        yield from spectral_names(f"{theirs}.{first}", f"{ours}.convs.{place}")
        norm = first + (2 if num_convs > 1 else 1)
        if num_convs > 1:
            yield f"{theirs}.{first + 1}.weight", f"{ours}.strengths.{place}"
        yield from ((f"{theirs}.{norm}.{tensor}", f"{ours}.norms.{place}.{tensor}") for tensor in NORM)


def _conditional_block_names(theirs: str, ours: str, num_convs: int) -> Iterator[tuple[str, str]]:
    for place in range(num_convs):
        yield from spectral_names(f"{theirs}.conv{place + 1}", f"{ours}.convs.{place}")
        norm, own = f"{theirs}.bn{place + 1}", f"{ours}.norms.{place}"
        yield f"{norm}.stored_mean", f"{own}.running_mean"
        yield f"{norm}.stored_var", f"{own}.running_var"
        for part, own_part in (("gain", "gain"), ("bias", "shift")):
            yield from spectral_names(f"{norm}.{part}", f"{own}.{own_part}")
            yield f"{norm}.{part}.bias", f"{own}.{own_part}.bias"
    if num_convs > 1:
        yield f"{theirs}.noise.weight", f"{ours}.strengths.0"


def spectral_names(theirs: str, ours: str) -> Iterator[tuple[str, str]]:
    """Yield (official name, ours) of a layer's weight and the two vectors of its spectral norm."""
    yield f"{theirs}.weight_orig", f"{ours}.parametrizations.weight.original"
    yield f"{theirs}.weight_u", f"{ours}.parametrizations.weight.0.u"
    yield f"{theirs}.weight_v", f"{ours}.parametrizations.weight.0.v"
