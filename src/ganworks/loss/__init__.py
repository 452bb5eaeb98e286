"""Adversarial losses: pure functions of logits of shape (B, ...)."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.loss.balance import Began
    from ganworks.loss.base import AdversarialLoss, Said, per_sample
    from ganworks.loss.cross_entropy import BCE, Minimax
    from ganworks.loss.margin import Hinge, LeastSquares, Wasserstein
    from ganworks.loss.multi_hinge import MultiHinge
    from ganworks.loss.relativistic import (
        RelativisticAverage,
        RelativisticAverageHinge,
        RelativisticAverageLeastSquares,
        RelativisticPairing,
    )
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "BCE",
    "AdversarialLoss",
    "Began",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "MultiHinge",
    "RelativisticAverage",
    "RelativisticAverageHinge",
    "RelativisticAverageLeastSquares",
    "RelativisticPairing",
    "Said",
    "Wasserstein",
    "per_sample",
]
