"""LightningModules: what is trained, and the step that trains it."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.task.adversarial import AdversarialTask, Look
    from ganworks.task.base import ManualTask
    from ganworks.task.critic import Critic
    from ganworks.task.cut import CutTask
    from ganworks.task.cycle import CycleTask
    from ganworks.task.distil import DistilTask
    from ganworks.task.ema import ExponentialMovingAverage
    from ganworks.task.estimator import Estimator, Gumbel, Reinforce
    from ganworks.task.flow import FlowTask
    from ganworks.task.guard import NonFiniteGuard, NonFiniteLossError
    from ganworks.task.latent import LatentOptimisationTask
    from ganworks.task.levels import Levels, LevelsTask
    from ganworks.task.matching import MatchingTask
    from ganworks.task.paired import PairedTask
    from ganworks.task.phase import Phase
    from ganworks.task.pool import ImagePool
    from ganworks.task.sequence import SequenceTask
    from ganworks.task.unpaired import UnpairedTask
    from ganworks.task.unrolled import UnrolledTask
    from ganworks.task.view import Beside, CentredFrames, Chain, Frames, Noised, Smaller, Trajectory, View
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "AdversarialTask",
    "Beside",
    "CentredFrames",
    "Chain",
    "Critic",
    "CutTask",
    "CycleTask",
    "DistilTask",
    "Estimator",
    "ExponentialMovingAverage",
    "FlowTask",
    "Frames",
    "Gumbel",
    "ImagePool",
    "LatentOptimisationTask",
    "Levels",
    "LevelsTask",
    "Look",
    "ManualTask",
    "MatchingTask",
    "Noised",
    "NonFiniteGuard",
    "NonFiniteLossError",
    "PairedTask",
    "Phase",
    "Reinforce",
    "SequenceTask",
    "Smaller",
    "Trajectory",
    "UnpairedTask",
    "UnrolledTask",
    "View",
]
