"""First weights of the class-conditional residual networks."""

from __future__ import annotations

import math

from torch import nn

from ganworks.errors import check_choice
from ganworks.model.layer.norm import ConditionalBatchNorm

LAWS = ("orthogonal", "normal", "xavier")


def init_weights(network: nn.Module, law: str) -> None:
    """Draw every convolution, dense layer and embedding of ``network``; biases keep PyTorch's own law.

    Args:
        law: "orthogonal" (Saxe et al. 2014, as in Brock et al. 2019 (BigGAN), section 3), "normal" (N(0, .02), DCGAN)
            or "xavier" (uniform, Glorot and Bengio 2010, equation 16).

    Raises:
        SettingError: an unknown law.
    """
    check_choice("init", law, LAWS)
    for layer in weighted_layers(network):
        if law == "orthogonal":
            nn.init.orthogonal_(layer.weight)
        elif law == "normal":
            nn.init.normal_(layer.weight, std=0.02)
        else:
            nn.init.xavier_uniform_(layer.weight)


def init_glorot(network: nn.Module, block: type[nn.Module] | tuple[type[nn.Module], ...] = ()) -> None:
    """Draw uniform Glorot weights, with gain sqrt(2) in the 3x3 convolutions of blocks of that type; biases zero.

    The law of SNGAN: Miyato et al. 2018, in the authors' code; without ``block`` that of SAGAN. The gains and shifts of
    conditional batch norms keep their 1 and 0.
    """
    norms = [module for module in network.modules() if isinstance(module, ConditionalBatchNorm)]
    kept = {id(layer) for norm in norms for layer in (norm.gain, norm.shift)}
    inner = {
        id(layer)
        for module in network.modules()
        if isinstance(module, block)
        for layer in module.modules()
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)
    }
    for layer in weighted_layers(network):
        if id(layer) in kept:
            continue
        nn.init.xavier_uniform_(layer.weight, gain=math.sqrt(2) if id(layer) in inner else 1.0)
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)


def weighted_layers(network: nn.Module) -> list[nn.Conv2d | nn.Linear | nn.Embedding]:
    """Return the layers with a weight to draw, in order."""
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding)]
