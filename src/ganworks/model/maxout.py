"""The discriminator of PacGAN's experiments in the plane: maxout layers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from torch import Tensor, nn

from ganworks.errors import check_count
from ganworks.model.base import Discriminator
from ganworks.model.layer.head import ProjectionHead
from ganworks.model.layer.maxout import Maxout


class MaxoutDiscriminator(Discriminator):
    """Maxout layers of one width on the flattened sample; a projection head where it is conditional.

    Lin et al. 2018 (PacGAN, https://arxiv.org/abs/1712.04086), section 4.1: 3 layers of 200 units of 5 pieces.

    Args:
        shape: (D,) or (C, H, W), any sizes.
        num_classes: 0 for unconditional.
        width: units of a layer.
        depth: number of layers.
        num_pieces: linear functions of a unit.
    """

    def __init__(
        self,
        shape: Sequence[int],
        num_classes: int = 0,
        width: int = 200,
        depth: int = 3,
        num_pieces: int = 5,
    ) -> None:
        super().__init__(shape, num_classes)
        width, depth = check_count("width", width), check_count("depth", depth)
        sizes = [math.prod(self.shape), *[width] * depth]
        self.layers = nn.Sequential(*(Maxout(*pair, num_pieces) for pair in itertools.pairwise(sizes)))
        self.head = ProjectionHead(width, num_classes)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.head(self.layers(x.flatten(1)), label)
