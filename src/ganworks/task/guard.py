"""Numbers that are none: stop a run whose loss is NaN before it wastes more time, and say where gradients overflow."""

from __future__ import annotations

import logging
import math
from typing import NoReturn

import torch
from torch import Tensor

from ganworks.errors import GanworksError, check_count
from ganworks.task.player import whole

log = logging.getLogger(__name__)


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


class GradientGuard:
    """Count the updates whose gradient is NaN or infinite, as half precision makes them, and clean it where asked.

    The loss may be finite all the same: it is the gradients that overflow first. Counts stay on the device until
    `report`. A gradient scaler leaves such updates out itself; under one nothing is counted here.

    Args:
        is_cleaning: take 0 for NaN and keep every number in [-LIMIT, LIMIT], as StyleGAN2's code does in every update;
            otherwise gradients are looked at where their norm is taken: in logged updates, and all that are clipped.
    """

    LIMIT = 1e5

    def __init__(self, is_cleaning: bool = False) -> None:
        self.is_cleaning = is_cleaning
        self.counts: dict[str, Tensor] = {}
        self._told: dict[str, int] = {}

    def count(self, role: str, norm: Tensor) -> None:
        """Take in the gradient's norm in an update of ``role``."""
        bad = ~torch.isfinite(whole(norm.detach()))
        self.counts[role] = self.counts[role] + bad if role in self.counts else bad.long()

    def clean(self, gradients: list[Tensor]) -> None:
        """Change gradients in place: 0 for NaN, and no number beyond ``LIMIT``."""
        for gradient in gradients:
            torch.nan_to_num(gradient, nan=0.0, posinf=self.LIMIT, neginf=-self.LIMIT, out=gradient)
        torch._foreach_clamp_min_(gradients, -self.LIMIT)
        torch._foreach_clamp_max_(gradients, self.LIMIT)

    def report(self, images_seen: int, is_end: bool = False) -> dict[str, int]:
        """Return by role the bad updates until now, where there were any; warn of the first ones, and at the end."""
        found = {role: int(count) for role, count in self.counts.items()}
        found = {role: num for role, num in found.items() if num}
        for role, num in found.items():
            if role not in self._told or (is_end and num != self._told[role]):
                self._told[role] = num
                log.warning("%s", self.message(role, num, images_seen))
        return found

    def message(self, role: str, num: int, images_seen: int) -> str:
        """Return what is said of ``num`` bad updates."""
        done = (
            f"NaN became 0, and all is kept within +-{self.LIMIT:g} (task.nan_gradients=zero)."
            if self.is_cleaning
            else "They are in the weights now, and more may have been in updates that were not looked at:"
            " task.nan_gradients=zero cleans them, trainer.precision=bf16-mixed or 32-true has a wider range."
        )
        return (
            f"The {role}'s gradient was NaN or infinite in {num} update(s) by {images_seen:,} images. {done}"
        )
