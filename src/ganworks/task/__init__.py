"""LightningModules: what is trained, and the step that trains it."""

from ganworks.task.adversarial import AdversarialTask, Look
from ganworks.task.base import ManualTask
from ganworks.task.critic import Critic
from ganworks.task.ema import ExponentialMovingAverage
from ganworks.task.guard import NonFiniteGuard, NonFiniteLossError
from ganworks.task.phase import Phase
from ganworks.task.view import Beside, Frames, Smaller, View

__all__ = [
    "AdversarialTask",
    "Beside",
    "Critic",
    "ExponentialMovingAverage",
    "Frames",
    "Look",
    "ManualTask",
    "NonFiniteGuard",
    "NonFiniteLossError",
    "Phase",
    "Smaller",
    "View",
]
