"""Batch norm whose gain and shift are functions of a condition, as the class-conditional residual networks have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from ganworks.errors import check_range
from ganworks.model.base import require_label
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.norm import BatchNorm, ConditionalBatchNorm
from ganworks.model.layer.spectral import Layers

MakeNorm = Callable[[int], BatchNorm]
"""From a number of channels to a batch norm of maps and conditions."""


class ConditionedBatchNorm(BatchNorm):
    """norm(x) (1 + gain(c)) + shift(c) of maps (B, C, H, W) and conditions c.

    Brock et al. 2019 (BigGAN), appendix B (https://arxiv.org/abs/1809.11096).

    Args:
        num_features: C.
        gain, shift: from conditions to (B, C).
        eps, momentum: of the batch norm.
    """

    def __init__(
        self, num_features: int, gain: nn.Module, shift: nn.Module, eps: float, momentum: float
    ) -> None:
        super().__init__(num_features, eps, momentum, affine=False)
        self.gain, self.shift = gain, shift

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        condition, normed = require_label(condition), super().forward(x)
        gain, shift = self.gain(condition), self.shift(condition)
        return (1 + gain)[:, :, None, None] * normed + shift[:, :, None, None]


@dataclass(frozen=True)
class Norms:
    """Makes the batch norms of a generator.

    Args:
        eps: added to the variance: 2e-5 in SNGAN, 1e-5 in SAGAN and BigGAN-PyTorch, 1e-4 in DeepMind's BigGAN.
        momentum: share of a batch in the running statistics; 1 less what TensorFlow and Chainer call decay.

    Raises:
        SettingError: an ``eps`` or a ``momentum`` out of its range.
    """

    eps: float = 1e-5
    momentum: float = 0.1

    def __post_init__(self) -> None:
        check_range("norm_eps", self.eps, 0)
        check_range("norm_momentum", self.momentum, 0, 1)

    def plain(self, num_features: int) -> BatchNorm:
        """Return a batch norm with gain and shift of its own."""
        return BatchNorm(num_features, self.eps, self.momentum)

    def of_classes(self, num_classes: int) -> MakeNorm:
        """Return what makes norms with a gain (from 1) and a shift (from 0) for each class; without classes plain."""
        if not num_classes:
            return self.plain
        return lambda size: ConditionalBatchNorm(size, num_classes, self.eps, self.momentum)

    def of_embeddings(self, num_classes: int) -> MakeNorm:
        """Return the same with 1 + gain, both embeddings starting as all other weights, as in BigGAN."""
        if not num_classes:
            return self.plain

        def make(size: int) -> BatchNorm:
            gain, shift = (ConditionEmbedding(num_classes, size) for _ in range(2))
            return ConditionedBatchNorm(size, gain, shift, self.eps, self.momentum)

        return make

    def of_vectors(self, num_features: int, layers: Layers) -> MakeNorm:
        """Return what makes norms with linear maps of a condition (B, num_features); plain where it is empty."""
        if not num_features:
            return self.plain

        def make(size: int) -> BatchNorm:
            gain, shift = (layers.linear(num_features, size, bias=False) for _ in range(2))
            return ConditionedBatchNorm(size, gain, shift, self.eps, self.momentum)

        return make
