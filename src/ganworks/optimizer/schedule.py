"""Schedules of the optimizers' settings: stateless functions of the progress of training.

Progress is in [0, 1]: of the schedule's own ``num_images`` where it has one, else of the run; see `ganworks.schedule`.
A schedule computes each setting from its first value, which it keeps in the parameter group, so that a resumed run
continues exactly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch

from ganworks.errors import SettingError, check_count, check_range
from ganworks.schedule import cosine


class Schedule(ABC):
    """Sets the learning rate of every parameter group to its first value times `factor`.

    Attributes:
        num_images: real images that it spans, after which it stays at its end; None for the whole run.
    """

    num_images: int | None = None

    @abstractmethod
    def factor(self, progress: float) -> float:
        """Return the factor of the learning rate at ``progress`` in [0, 1]."""

    def apply(self, optimizer: torch.optim.Optimizer, progress: float) -> None:
        """Set what this schedule governs to its value at ``progress``; beyond 1 the last value holds."""
        factor = self.factor(min(max(progress, 0.0), 1.0))
        for group in optimizer.param_groups:
            set_lr(group, group.setdefault("initial_lr", float(group["lr"])) * factor)


@dataclass(frozen=True)
class Constant(Schedule):
    """The learning rate stays as it is."""

    def factor(self, progress: float) -> float:
        return 1.0


@dataclass(frozen=True)
class Linear(Schedule):
    """Constant until ``start``, then linear to ``lr_end`` times the first learning rate at the end.

    Args:
        start: share of the horizon at which the decay begins, in [0, 1).
        lr_end: last learning rate as a factor of the first, from 0 up.
        num_images: real images that the horizon has; None takes the whole run.
    """

    start: float = 0.0
    lr_end: float = 0.0
    num_images: int | None = None

    def __post_init__(self) -> None:
        check_range("lr_end", self.lr_end, 0.0)
        check_length(self.num_images)
        if not 0 <= self.start < 1:
            raise SettingError("start", self.start, "a number from 0 to below 1")

    def factor(self, progress: float) -> float:
        share = max(progress - self.start, 0.0) / (1.0 - self.start)
        return 1.0 + (self.lr_end - 1.0) * share


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from the first learning rate to ``lr_end`` times it, and beta2 to ``beta2_end``.

    R3GAN, Huang et al. 2024, appendix (https://arxiv.org/abs/2501.05441).

    Args:
        lr_end: last learning rate as a factor of the first, from 0 up.
        beta2_end: last beta2; None leaves beta2 alone.
        num_images: real images in which they get there, and then stay; None takes the whole run.
    """

    lr_end: float = 0.0
    beta2_end: float | None = None
    num_images: int | None = None

    def __post_init__(self) -> None:
        check_range("lr_end", self.lr_end, 0.0)
        check_length(self.num_images)
        if self.beta2_end is not None and not 0 <= self.beta2_end < 1:
            raise SettingError("beta2_end", self.beta2_end, "a number from 0 to below 1, or null")

    def factor(self, progress: float) -> float:
        return cosine(1.0, self.lr_end, progress)

    def apply(self, optimizer: torch.optim.Optimizer, progress: float) -> None:
        super().apply(optimizer, progress)
        if self.beta2_end is None:
            return
        for group in optimizer.param_groups:
            if "betas" not in group:
                allowed = f"null for {type(optimizer).__name__}, which has no betas"
                raise SettingError("beta2_end", self.beta2_end, allowed)
            beta1, beta2 = group.setdefault("initial_betas", tuple(group["betas"]))
            group["betas"] = (beta1, cosine(beta2, self.beta2_end, progress))


def check_length(num_images: int | None) -> None:
    """Raise `SettingError` unless ``num_images`` is a count or None."""
    if num_images is not None:
        check_count("num_images", num_images)


def set_lr(group: dict, lr: float) -> None:
    """Set a group's learning rate; a tensor, as compiled optimizers have, is filled in place."""
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(lr)
    else:
        group["lr"] = lr
