"""Multilayer perceptrons, for vectors and for flattened images."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganworks.errors import check_choice, check_count
from ganworks.model.base import Discriminator, Generator, require_label
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.head import ProjectionHead
from ganworks.model.layer.norm import BatchNorm, finish_norm, output_norm
from ganworks.sample.kind import kind_of


class MLPGenerator(Generator):
    """ReLU layers of one width; images end in tanh, vectors in the last linear layer.

    Goodfellow et al. 2014 (https://arxiv.org/abs/1406.2661). A conditional one gets a learned vector of its
    class beside the latent.

    Args:
        shape: (D,) or (C, H, W), any sizes.
        latent_dim: length of a latent.
        num_classes: 0 for unconditional.
        width: units of a hidden layer.
        depth: number of hidden layers.
        norm: "none" or "batch".

    >>> MLPGenerator((2,), latent_dim=4)(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 64,
        num_classes: int = 0,
        width: int = 256,
        depth: int = 3,
        norm: str = "none",
    ) -> None:
        super().__init__(shape, latent_dim, num_classes)
        width, depth = check_count("width", width), check_count("depth", depth)
        has_batch_norm = check_choice("norm", norm, ("none", "batch")) == "batch"
        self.embedding = ConditionEmbedding(num_classes, latent_dim) if num_classes else None
        sizes = [latent_dim * (2 if num_classes else 1), *[width] * depth]
        layers: list[nn.Module] = []
        for num_in, num_out in itertools.pairwise(sizes):
            layers.append(nn.Linear(num_in, num_out))
            layers += [BatchNorm(num_out), nn.ReLU()] if has_batch_norm else [nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(width, math.prod(self.shape)))

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        if self.embedding is not None:
            latent = torch.cat([latent, self.embedding(require_label(label))], dim=1)
        x = self.layers(latent).view(-1, *self.shape)
        return x.tanh() if kind_of(self.shape).is_bounded else x


class MLPDiscriminator(Discriminator):
    """Leaky ReLU layers of one width on the flattened sample; a projection head where it is conditional.

    Args:
        shape: (D,) or (C, H, W), any sizes.
        num_classes: 0 for unconditional.
        width: units of a hidden layer.
        depth: number of hidden layers.
        norm: "none", "batch", "layer" or "spectral".
    """

    def __init__(
        self,
        shape: Sequence[int],
        num_classes: int = 0,
        width: int = 256,
        depth: int = 3,
        norm: str = "none",
    ) -> None:
        super().__init__(shape, num_classes)
        width, depth = check_count("width", width), check_count("depth", depth)
        sizes = [math.prod(self.shape), *[width] * depth]
        layers: list[nn.Module] = []
        for num_in, num_out in itertools.pairwise(sizes):
            layers += [nn.Linear(num_in, num_out), output_norm(norm, num_out), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.head = ProjectionHead(width, num_classes)
        finish_norm(norm, self)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.head(self.layers(x.flatten(1)), label)
