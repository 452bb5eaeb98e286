"""Relativistic losses, which compare each fake sample with a real one, or with the mean of the real ones."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import relu, softplus

from ganworks.loss.base import AdversarialLoss, check_margin


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


class AveragedLead(AdversarialLoss):
    """Each logit against the mean logit of the other side, r* = r - E f and f* = f - E r.

    D minimises E c(r*) + E c(-f*), G the same with the sides exchanged, E c(f*) + E c(-r*): c, the cost, falls where a
    side is as far ahead as it wants to be. Jolicoeur-Martineau 2018 (https://arxiv.org/abs/1807.00734).
    The means are those of the logits that it is given: on several devices, and of a batch in parts
    (`task.accumulate`), those of each one's own samples.
    """

    relativistic: ClassVar[bool] = True

    @abstractmethod
    def cost(self, lead: Tensor) -> Tensor:
        """Return the cost of each lead over the mean of the other side, shaped as the leads."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        leads = real_logits - fake_logits.mean(), real_logits.mean() - fake_logits
        return self.cost(leads[0]).mean() + self.cost(leads[1]).mean()

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        if real_logits is None:
            raise ValueError("a relativistic generator loss needs the real logits")
        return self.discriminator(fake_logits, real_logits)


@dataclass(frozen=True)
class RelativisticAverage(AveragedLead):
    """RaSGAN: D minimises -E log sigmoid(r - E f) - E log(1 - sigmoid(f - E r)), G the same with r and f exchanged.

    Jolicoeur-Martineau 2018 (https://arxiv.org/abs/1807.00734): cross entropy of the lead.

    >>> import torch
    >>> RelativisticAverage().discriminator(torch.zeros(4), torch.zeros(4))  # log 2 for each side
    tensor(1.3863)
    """

    def cost(self, lead: Tensor) -> Tensor:
        return softplus(-lead)


@dataclass(frozen=True)
class RelativisticAverageLeastSquares(AveragedLead):
    """RaLSGAN: D minimises E(r - E f - m)^2 + E(f - E r + m)^2, G the same with r and f exchanged.

    Jolicoeur-Martineau 2018 (https://arxiv.org/abs/1807.00734), where m = 1.

    Args:
        margin: m, above 0.
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        check_margin(self.margin)

    def cost(self, lead: Tensor) -> Tensor:
        return (lead - self.margin).square()


@dataclass(frozen=True)
class RelativisticAverageHinge(AveragedLead):
    """RaHingeGAN: D minimises E max(0, m - (r - E f)) + E max(0, m + (f - E r)), G the same with r and f exchanged.

    Jolicoeur-Martineau 2018 (https://arxiv.org/abs/1807.00734), where m = 1.

    Args:
        margin: m, above 0.
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        check_margin(self.margin)

    def cost(self, lead: Tensor) -> Tensor:
        return relu(self.margin - lead)
