"""The end of a discriminator: a logit that is linear in its last features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from torch import Tensor, nn
from torch.nn.functional import conv2d, linear

from ganworks.model.base import require_label
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.equalized import EqualizedLinear
from ganworks.model.layer.spectral import SpectralLayer

Product = Callable[[Tensor, Tensor], Tensor]
"""From features and weights to logits without a bias: linear in each of the two."""


@dataclass(frozen=True)
class Term:
    """<w, h> + b, a part of a logit.

    Args:
        features: h, (B, ...).
        weight: makes w, (1, ...) for all samples, or (B, ...), that of each sample's condition.
        product: makes <w, h> of both.
        bias: b, or None.
        layer: makes all of it of h as the network does; None where that is ``product``.
    """

    features: Tensor
    weight: Callable[[], Tensor]
    product: Product
    bias: Tensor | None = None
    layer: Callable[[Tensor], Tensor] | None = None

    def __call__(self) -> Tensor:
        """Return its logits."""
        return self.layer(self.features) if self.layer else self.product(self.features, self.weight())


class Logit(nn.Module):
    """The sum of its terms. It has no parameters: a step of its own, whose place `DirectionLogit` can take."""

    def forward(self, *terms: Term) -> Tensor:
        """Return the logits, shaped as those of the first term; the others, (B,), broadcast."""
        return total([term() for term in terms])


def total(parts: Sequence[Tensor]) -> Tensor:
    """Return the sum of logits (B, ...) and others (B,)."""
    first, *others = parts
    for other in others:
        first = first + along(other, first)
    return first


def along(values: Tensor, logits: Tensor) -> Tensor:
    """Return values (B, ...), one for each sample, shaped to broadcast over logits (B, ...)."""
    return values.view(-1, *[1] * (logits.dim() - 1))


def used_weight(layer: nn.Module) -> Tensor:
    """Return the weight that a layer computes with: normalised or scaled, as the layer has it."""
    if isinstance(layer, SpectralLayer):
        return layer.normed_weight()
    weight = cast(Tensor, layer.weight)
    return weight * layer.gain if isinstance(layer, EqualizedLinear) else weight


def dense_term(layer: nn.Module, features: Tensor) -> Term:
    """Return the term of a dense layer with one output, logits (B, ..., 1) of features (B, ..., F)."""
    bias = cast("Tensor | None", layer.bias)
    return Term(features, partial(used_weight, layer), linear, bias, layer)


def conv_term(layer: nn.Conv2d, maps: Tensor) -> Term:
    """Return the term of a convolution with one output, logits (B, 1, h, w) of maps (B, F, H, W)."""
    product = partial(conv2d, stride=layer.stride, padding=layer.padding)
    return Term(maps, partial(used_weight, layer), product, layer.bias, layer)


def class_term(features: Tensor, embedded: Tensor, dim: int = -1, divisor: float = 1.0) -> Term:
    """Return the term <v_y, h> of features h and an embedded condition v_y of the same rank.

    Miyato and Koyama 2018, equation 5 (https://arxiv.org/abs/1802.05637).

    Args:
        dim: the dimension of the features, which the logits do not have.
        divisor: of the logits.
    """

    def product(features: Tensor, weight: Tensor) -> Tensor:
        logits = (features * weight).sum(dim)
        return logits if divisor == 1 else logits / divisor

    return Term(features, lambda: embedded, product)


class LastLayer(nn.Module):
    """A layer that makes a discriminator's logits of features (B, F), its first argument."""


class ProjectionHead(LastLayer):
    """Logit of features h and label y: w h + b + <v_y, h>; without classes the first two terms.

    Miyato and Koyama 2018, equation 5 (https://arxiv.org/abs/1802.05637).

    Args:
        num_features: length of h.
        num_classes: number of classes, or 0.
    """

    def __init__(self, num_features: int, num_classes: int = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(num_features, 1)
        self.embedding = ConditionEmbedding(num_classes, num_features) if num_classes else None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=num_features**-0.5)

    def forward(self, features: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the logits (B,) of features (B, num_features)."""
        logits = self.linear(features).squeeze(1)
        if self.embedding is None:
            return logits
        return logits + (self.embedding(require_label(label)) * features).sum(1)
