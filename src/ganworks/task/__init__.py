"""LightningModules: what is trained, and the step that trains it."""

from ganworks.task.adversarial import AdversarialTask
from ganworks.task.base import ManualTask
from ganworks.task.ema import ExponentialMovingAverage
from ganworks.task.guard import NonFiniteGuard, NonFiniteLossError

__all__ = [
    "AdversarialTask",
    "ExponentialMovingAverage",
    "ManualTask",
    "NonFiniteGuard",
    "NonFiniteLossError",
]
