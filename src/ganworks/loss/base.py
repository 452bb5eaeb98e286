"""What every adversarial loss offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor


class AdversarialLoss(ABC):
    """The two objectives of an adversarial game, as functions of logits of shape (B,), both to be minimised.

    ``relativistic`` says that `generator` needs the real logits too; otherwise the step does not compute them
    and passes None.
    """

    relativistic: ClassVar[bool] = False

    @abstractmethod
    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return the discriminator's loss, a scalar."""

    @abstractmethod
    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """Return the generator's loss, a scalar."""
