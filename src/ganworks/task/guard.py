"""Stop a run whose loss is no longer a number before it wastes more time."""

from __future__ import annotations

import math
from typing import NoReturn

import torch
from torch import Tensor

from ganworks.errors import GanworksError, check_count


class NonFiniteLossError(GanworksError):
    """The loss was NaN or infinite for `patience` steps in a row."""


class NonFiniteGuard:
    """Count, for each network, the updates in a row whose loss is NaN or infinite.

    On a CPU a bad update is known at once and left out, so one unlucky batch costs nothing. On an accelerator the
    counts stay on the device and are read at `check` alone: no step waits for the host.

    Args:
        patience: bad updates of a network in a row after which `check` raises.

    Attributes:
        is_fatal: whether `check` raises at all; False leaves it to a callback to act on `num_bad_steps`.
    """

    def __init__(self, patience: int) -> None:
        self.patience, self.is_fatal = check_count("patience", patience), True
        self._counts: dict[str, int | Tensor] = {}

    def admits(self, loss: Tensor, role: str, may_skip: bool = True) -> bool:
        """Count ``loss`` and say whether its update may be made.

        Args:
            loss: a scalar.
            role: the network that it is the loss of.
            may_skip: False where several processes step together: one that left its update out would leave the
                others waiting.
        """
        if loss.device.type == "cpu":
            is_finite = math.isfinite(loss.item())
            self._counts[role] = 0 if is_finite else int(self._counts.get(role, 0)) + 1
            return is_finite or not may_skip
        finite = torch.isfinite(loss.detach())
        count = torch.as_tensor(self._counts.get(role, 0), device=loss.device)
        self._counts[role] = torch.where(finite, torch.zeros_like(count), count + 1)
        return True

    @property
    def num_bad_steps(self) -> int:
        """Bad updates in a row until now, of the network that has more; waits for the device."""
        return max((int(count) for count in self._counts.values()), default=0)

    def check(self, cause: str, num_bad_steps: int | Tensor | None = None) -> None:
        """Raise `NonFiniteLossError` naming ``cause`` once `patience` updates of a network in a row were bad.

        Args:
            cause: what was not finite.
            num_bad_steps: the largest number of any process where several train together, so that all raise at once.
        """
        num_bad_steps = int(self.num_bad_steps if num_bad_steps is None else num_bad_steps)
        if self.is_fatal and num_bad_steps >= self.patience:
            self.stop(cause, num_bad_steps)

    def stop(self, cause: str, num_bad_steps: int) -> NoReturn:
        """Raise `NonFiniteLossError` naming ``cause``."""
        raise NonFiniteLossError(
            f"{cause} was not finite for {num_bad_steps} updates in a row (task.patience={self.patience})."
            " A lower learning rate (optimizer.discriminator.lr, optimizer.generator.lr), a penalty"
            " (regularizer=r1) or task.gradient_clip=1 usually helps."
        )

    def reset(self) -> None:
        """Forget the bad updates: the weights are other ones."""
        self._counts.clear()
