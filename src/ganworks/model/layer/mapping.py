"""The mapping network of the StyleGAN family: from a latent and a label to w."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from ganworks.errors import check_count
from ganworks.model.base import require_label
from ganworks.model.layer.equalized import EqualizedLinear
from ganworks.model.layer.normalize import normalize

LR_MULTIPLIER = 0.01


class MappingNetwork(nn.Module):
    """Dense layers on a normalised latent and, behind it, the normalised embedding of the label.

    Karras et al. 2019 (https://arxiv.org/abs/1812.04948), section 2; the learning rate of its layers is .01 of the
    others'. It computes in the type of its parameters, also under autocast.

    Args:
        num_in: length of a latent; 0 for a network of the label alone, as in a conditional discriminator.
        num_classes: 0 for unconditional.
        num_out: length of a w, of a hidden layer and of the embedding.
        num_layers: 0 or more.
    """

    def __init__(self, num_in: int, num_classes: int, num_out: int, num_layers: int) -> None:
        super().__init__()
        check_count("num_mapping", num_layers, at_least=0)
        self.embed = EqualizedLinear(num_classes, num_out) if num_classes else None
        widths = [num_in + (num_out if num_classes else 0), *[num_out] * num_layers]
        self.layers = nn.ModuleList(
            EqualizedLinear(before, after, lr_multiplier=LR_MULTIPLIER, activation="lrelu")
            for before, after in itertools.pairwise(widths)
        )

    def forward(self, latent: Tensor | None, label: Tensor | None = None) -> Tensor:
        """Return w (B, num_out) of latents (B, num_in) and labels: classes (B,), or float (B, num_classes)."""
        device = next(self.parameters()).device.type
        with torch.autocast(device, enabled=False):
            parts = [] if latent is None else [normalize(latent)]
            if self.embed is not None:
                parts.append(normalize(embedded(self.embed, require_label(label))))
            x = torch.cat(parts, 1)
            for layer in self.layers:
                x = layer(x)
        return x


def embedded(layer: EqualizedLinear, label: Tensor) -> Tensor:
    """Return a dense layer's output for classes (B,), which stand for one-hot rows, or for float (B, num_classes)."""
    if label.is_floating_point():
        return layer(label.to(layer.weight.dtype))
    assert layer.bias is not None
    return embedding(label, layer.weight.t()) * layer.gain + layer.bias * layer.bias_gain
