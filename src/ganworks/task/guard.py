"""Stop a run whose loss is no longer a number before it wastes more time."""

from __future__ import annotations

import torch
from torch import Tensor

from ganworks.errors import GanworksError, check_count


class NonFiniteLossError(GanworksError):
    """The loss was NaN or infinite for `patience` steps in a row."""


class NonFiniteGuard:
    """Count the steps in a row whose loss is NaN or infinite.

    On a CPU a bad step is known at once and skipped, so one unlucky batch costs nothing. On an accelerator the
    count stays on the device and is read at `check` alone: no step waits for the host.

    Args:
        patience: bad steps in a row after which `check` raises.
    """

    def __init__(self, patience: int) -> None:
        self.patience = check_count("patience", patience)
        self._count: Tensor | None = None

    def admits(self, loss: Tensor, may_skip: bool = True) -> bool:
        """Count ``loss`` and say whether its step may be taken.

        Args:
            loss: a scalar.
            may_skip: False where several processes step together: one that left its step out would leave
                the others waiting.
        """
        finite = torch.isfinite(loss.detach())
        if self._count is None or self._count.device != loss.device:
            self._count = torch.zeros((), dtype=torch.long, device=loss.device)
        self._count = torch.where(finite, torch.zeros_like(self._count), self._count + 1)
        return loss.device.type != "cpu" or not may_skip or bool(finite)

    @property
    def num_bad_steps(self) -> int:
        """Bad steps in a row until now; waits for the device."""
        return 0 if self._count is None else int(self._count)

    def check(self, cause: str) -> None:
        """Raise `NonFiniteLossError` naming ``cause`` once `patience` steps in a row were bad."""
        if self.num_bad_steps >= self.patience:
            raise NonFiniteLossError(
                f"{cause} was not finite for {self.num_bad_steps} updates in a row (task.patience={self.patience})."
                " A lower learning rate (optimizer.discriminator.lr, optimizer.generator.lr), a penalty"
                " (regularizer=r1) or task.gradient_clip=1 usually helps."
            )
