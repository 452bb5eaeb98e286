"""The pair of optimizers and the schedules of their settings."""

from ganworks.optimizer.build import OptimizerFactory, build
from ganworks.optimizer.schedule import Constant, Cosine, Linear, Schedule

__all__ = ["Constant", "Cosine", "Linear", "OptimizerFactory", "Schedule", "build"]
