"""The two losses of the original paper; D(x) = sigmoid(logit)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from ganworks.errors import check_range
from ganworks.loss.base import AdversarialLoss


@dataclass(frozen=True)
class BCE(AdversarialLoss):
    """Non-saturating cross entropy: D minimises -log D(x) - log(1 - D(G(z))), G minimises -log D(G(z)).

    Goodfellow et al. 2014, equation 1 and section 3 (https://arxiv.org/abs/1406.2661). With one-sided label
    smoothing the discriminator's target for real samples is 1 - s, Salimans et al. 2016, section 3.4.

    Args:
        label_smoothing: s, from 0 to .5.

    >>> import torch
    >>> BCE().discriminator(torch.zeros(4), torch.zeros(4))  # log 4
    tensor(1.3863)
    """

    cross_entropy: ClassVar[bool] = True
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_range("label_smoothing", self.label_smoothing, 0.0, 0.5)

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        # -(1 - s) log sigmoid(r) - s log sigmoid(-r) = softplus(-r) + s r
        real = softplus(-real_logits) + self.label_smoothing * real_logits
        return real.mean() + softplus(fake_logits).mean()

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return softplus(-fake_logits).mean()


@dataclass(frozen=True)
class Minimax(BCE):
    """Saturating cross entropy: D as in `BCE`, G minimises log(1 - D(G(z))), so that the game is zero-sum.

    Goodfellow et al. 2014, equation 1 (https://arxiv.org/abs/1406.2661). The generator's gradient vanishes
    while the discriminator wins; `BCE` is the practical choice.
    """

    saturating: ClassVar[bool] = True

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return -softplus(fake_logits).mean()
