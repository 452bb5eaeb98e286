"""A head that embeds samples on the unit sphere, beside a learned proxy of each class."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize


class ProxyHead(nn.Module):
    """Cosines of a sample's embedding with the proxies of the classes, (B, K), then the embedding itself, (B, dim).

    Kang and Park 2020 (ContraGAN), section 3 (https://arxiv.org/abs/2006.12681): a linear projection of the last
    features to the unit sphere. One tensor holds both, so that the proxies are used inside of the head alone, as
    sharding demands.

    Args:
        num_features: length of the features.
        num_classes: K.
        dim: length of an embedding.
    """

    def __init__(self, num_features: int, num_classes: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(num_features, dim)
        self.proxies = nn.Parameter(torch.randn(num_classes, dim))

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, K + dim) of features (B, num_features), in float32 at least."""
        embedding = self.project(features)
        # Half precision has steps of .004 at a cosine of 1: as coarse as what is left to a margin of .98.
        with torch.autocast(embedding.device.type, enabled=False):
            embedding, proxies = (
                normalize(x.to(torch.promote_types(x.dtype, torch.float32)), dim=1)
                for x in (embedding, self.proxies)
            )
            return torch.cat([embedding @ proxies.T, embedding], 1)
