"""Adversarial losses: pure functions of logits of shape (B, ...)."""

from ganworks.loss.base import AdversarialLoss, per_sample
from ganworks.loss.cross_entropy import BCE, Minimax
from ganworks.loss.margin import Hinge, LeastSquares, Wasserstein
from ganworks.loss.relativistic import RelativisticPairing

__all__ = [
    "BCE",
    "AdversarialLoss",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "RelativisticPairing",
    "Wasserstein",
    "per_sample",
]
