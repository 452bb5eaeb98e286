"""What a network makes of its condition."""

from __future__ import annotations

from torch import Tensor, nn


class ConditionEmbedding(nn.Embedding):
    """A learned vector for each class; several classes, or a vector of numbers, take the sum weighted by them.

    A class (B,) is the one-hot case of a condition (B, num_classes): origin + label (W - origin).

    Args:
        num_classes: number of classes, or length of the condition.
        num_features: length of the embedding.
        origin: the embedding of a condition of zeros: 1 for gains, 0 for what is added.
    """

    def __init__(self, num_classes: int, num_features: int, origin: float = 0.0) -> None:
        super().__init__(num_classes, num_features)
        self.origin = origin

    def forward(self, label: Tensor) -> Tensor:
        """Return (B, num_features) for labels: integers (B,), or float (B, num_classes)."""
        if not label.is_floating_point():
            return super().forward(label)
        weight = self.weight - self.origin if self.origin else self.weight
        embedded = label.to(weight.dtype) @ weight
        return embedded + self.origin if self.origin else embedded
