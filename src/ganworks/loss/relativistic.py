"""The relativistic pairing loss, which compares each fake sample with a real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from ganworks.loss.base import AdversarialLoss


@dataclass(frozen=True)
class RelativisticPairing(AdversarialLoss):
    """Relativistic pairing: D minimises -log sigmoid(D(x) - D(G(z))), G -log sigmoid(D(G(z)) - D(x)).

    Jolicoeur-Martineau 2018, section 4.1 (https://arxiv.org/abs/1807.00734); with R1 + R2 it is R3GAN, Huang
    et al. 2024, equation 2 (https://arxiv.org/abs/2501.05441). Logit i is paired with logit i.

    Raises:
        ValueError: the two batches differ in size, so that they cannot be paired.
    """

    relativistic: ClassVar[bool] = True

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return softplus(paired_difference(fake_logits, real_logits)).mean()

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        if real_logits is None:
            raise ValueError("a relativistic generator loss needs the real logits")
        return softplus(paired_difference(real_logits, fake_logits)).mean()


def paired_difference(left: Tensor, right: Tensor) -> Tensor:
    """Return left - right, pair by pair; (B,) and (1,) would broadcast without an error."""
    if left.shape != right.shape:
        raise ValueError(f"logits cannot be paired: {tuple(left.shape)} against {tuple(right.shape)}")
    return left - right
