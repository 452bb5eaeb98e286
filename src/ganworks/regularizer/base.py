"""What every regularizer of the discriminator offers."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_count

Critic = Callable[[Tensor], Tensor]
WeightSchedule = Callable[[float], float]


class Regularizer:
    """A constraint on the discriminator: a `penalty` in its loss, or a `project` of its weights.

    Attributes:
        weight: factor of the penalty, or a function of the progress of training in [0, 1]; see `at`.
        every: the regularizer acts on every so many discriminator steps (lazy regularization).
        per_sample: the penalty needs the discriminator's gradient sample by sample. Batch norm mixes the
            samples of a batch, so that a discriminator with batch norm has no such gradient.
    """

    per_sample: ClassVar[bool] = False
    weight: float | WeightSchedule = 1.0
    every: int = 1

    def is_due(self, step: int) -> bool:
        """Return whether the regularizer acts on this discriminator step, counted from 0."""
        return step % self.every == 0

    def at(self, progress: float) -> Regularizer:
        """Return this regularizer with the weight that it has at ``progress`` in [0, 1]."""
        if not callable(self.weight):
            return self
        resolved = copy.copy(self)
        resolved.weight = self.weight(progress)
        return resolved

    def penalty(
        self, discriminator: Critic, real: Tensor, fake: Tensor, rng: torch.Generator
    ) -> Tensor | None:
        """Return the scalar to add to the discriminator's loss, times ``weight`` and ``every``, or None."""
        return None

    def project(self, discriminator: nn.Module) -> None:
        """Map the weights back to the allowed set; called after every discriminator step."""


def check_weight(weight: float | WeightSchedule, every: int) -> None:
    """Raise `SettingError` unless ``weight`` is above 0 (or a schedule) and ``every`` is a count."""
    check_count("every", every)
    is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not callable(weight) and not (is_number and 0 < weight < math.inf):
        raise SettingError("weight", weight, "a number above 0 (regularizer=none does without)")
