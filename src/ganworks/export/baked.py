"""Weights as they are used: what spectral norms make of them does not change once the training is over."""

from __future__ import annotations

from copy import copy, deepcopy
from types import MethodType

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganworks.model.layer.spectral import SpectralLayer
from ganworks.sample.sampler import Sampler


def baked(sampler: Sampler) -> Sampler:
    """Return a sampler of a copy of the generator whose weights are divided by their spectral norms already.

    A program that divided them anew in every pass would be several times as long, and take as much longer to trace.
    """
    found = copy(sampler)
    found.generator = with_plain_weights(deepcopy(sampler.generator))
    return found


@torch.no_grad()
def with_plain_weights(network: nn.Module) -> nn.Module:
    """Put in the place of each weight that is computed from others what it is; return the network, changed."""
    for layer in network.modules():
        if parametrize.is_parametrized(layer):
            values = {name: getattr(layer, name) for name in layer.parametrizations}  # type: ignore[union-attr]
            # Not by `remove_parametrizations`, which changes the class that the copy shares with the original.
            layer.__class__ = parametrize.type_before_parametrizations(layer)
            del layer.parametrizations
            for name, value in values.items():
                layer.register_parameter(name, nn.Parameter(value, requires_grad=False))
        if isinstance(layer, SpectralLayer):
            layer.weight = nn.Parameter(layer.normed_weight(), requires_grad=False)
            layer.normed_weight = MethodType(stored_weight, layer)  # type: ignore[method-assign]
    return network.requires_grad_(False)


def stored_weight(layer: SpectralLayer) -> Tensor:
    """Return the weight as it is."""
    return layer.weight
