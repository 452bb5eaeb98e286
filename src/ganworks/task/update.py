"""One update of a player: its terms, their gradient, what is done to it, the optimizer's step, and what is logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import ClassVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.precision import Precision
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer

from ganworks.errors import check_choice, check_range
from ganworks.task.guard import GradientGuard, NonFiniteGuard
from ganworks.task.player import whole

log = logging.getLogger(__name__)
Batch = dict[str, Tensor]
Terms = dict[str, Tensor]


class PlayerUpdates(pl.LightningModule):
    """The base of a task that is optimized by hand; see `ganworks.task.ManualTask`, which has the players.

    Args:
        gradient_clip, patience, nan_gradients: see `ManualTask`.
    """

    roles: ClassVar[tuple[str, ...]]
    images_seen: int
    num_steps: int

    def __init__(self, gradient_clip: float | None, patience: int, nan_gradients: str) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.gradient_clip = (
            None if gradient_clip is None else check_range("gradient_clip", gradient_clip, 1e-12)
        )
        self.guard = NonFiniteGuard(patience)
        self.nan_gradients = check_choice("nan_gradients", nan_gradients, ("keep", "zero"))
        self.gradient_guard = GradientGuard(is_cleaning=self.nan_gradients == "zero")
        self.scalars: dict[str, float] = {}
        self.watcher: Callable[[str, Optimizer], None] | None = None
        # Backward and step are called as they are: what Lightning puts around them is half a millisecond a step.
        self.is_plain = False
        self._part, self._is_lazy = 0, False
        self._recorded: Terms = {}
        self._last_log: tuple[float, int] | None = None

    @property
    def is_logging(self) -> bool:
        """Whether this step's scalars are logged."""
        return self.num_steps % self.trainer.log_every_n_steps == 0  # type: ignore[attr-defined]

    def update(
        self,
        role: str,
        terms_of: Callable[[Batch], Terms] | None,
        parts: list[Batch],
        is_lazy: bool = False,
    ) -> None:
        """Let the player of ``role`` descend the sum of its terms, averaged over ``parts``; None leaves it out.

        An update whose loss is not finite is left out where that is known without waiting for the device.

        Args:
            is_lazy: a step of its own for penalties, beside the one that learns from the batch: it is neither counted
                nor watched.
        """
        if terms_of is None:
            return
        self._is_lazy = is_lazy
        optimizer = self.trainer.optimizers[self.roles.index(role)]
        optimizer.zero_grad(set_to_none=True)
        is_finite = all(
            self._backward(role, terms_of, part, len(parts)) for self._part, part in enumerate(parts)
        )
        self._part = 0
        if is_finite:
            self._step(role, optimizer)
        self._is_lazy = False

    def _backward(self, role: str, terms_of: Callable[[Batch], Terms], part: Batch, num_parts: int) -> bool:
        """Add the gradient of one part; return False where its loss is not finite, or a lazy step has none."""
        terms = terms_of(part)
        if self._is_lazy and not terms:
            return False
        loss = torch.stack(tuple(terms.values())).sum() / num_parts
        if self.is_logging:
            self._record({f"{role}/{name}": term.detach() / num_parts for name, term in terms.items()})
        # A player's lazy steps are counted apart: its good ones in between would reset the count.
        counted = f"{role} (lazy)" if self._is_lazy else role
        if not self.guard.admits(loss, counted, may_skip=self.trainer.world_size == 1):
            self.guard.check(
                f"{role}: {', '.join(f'{name}={float(term.detach()):g}' for name, term in terms.items())}"
            )
            return False
        arm = getattr(self.trainer.strategy, "arm", None)
        if arm is not None and self._part == num_parts - 1:  # the gradients are complete: they may leave
            arm(self.trainer.optimizers[self.roles.index(role)])
        if self.is_plain:
            loss.backward()
        else:
            self.manual_backward(loss)
        return True

    def _step(self, role: str, optimizer: Optimizer) -> None:
        if role == self.roles[0] and not self._is_lazy:  # the one that Lightning counts: its global_step
            optimizers = self.optimizers()  # of one player it is no list
            (optimizers[0] if isinstance(optimizers, list) else optimizers).step()
        elif self.is_plain:
            self.on_before_optimizer_step(optimizer)
            optimizer.step()
        else:
            self.trainer.strategy.optimizer_step(optimizer, _nothing)

    def _needs_nothing_around(self) -> bool:
        """Say whether backward and step need nothing of strategy and precision, and no callback listens in between."""
        trainer = self.trainer
        hooks = ("on_before_backward", "on_after_backward", "on_before_optimizer_step")
        is_heard = any(
            getattr(type(callback), hook) is not getattr(pl.Callback, hook)
            for callback in trainer.callbacks  # type: ignore[attr-defined]
            for hook in hooks
        )
        changed = [
            hook for hook in hooks[:2] if getattr(type(self), hook) is not getattr(pl.LightningModule, hook)
        ]
        is_single = type(trainer.strategy) is SingleDeviceStrategy
        precision = type(trainer.precision_plugin)
        is_usual = (
            precision.optimizer_step is Precision.optimizer_step and precision.backward is Precision.backward
        )
        return is_single and is_usual and not is_heard and not changed

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clean and clip here, after the precision plugin has unscaled the gradients."""
        role = self.roles[self.trainer.optimizers.index(optimizer)]
        if self.watcher is not None and not self._is_lazy:
            self.watcher(role, optimizer)
        is_cleaning = self.gradient_guard.is_cleaning
        if self.gradient_clip is None and not self.is_logging and not is_cleaning:
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = get_total_norm([p.grad for p in parameters])
        if (
            getattr(self.trainer.precision_plugin, "scaler", None) is None
        ):  # it leaves such updates out itself
            self.gradient_guard.count(role, norm)
        if is_cleaning:
            self.gradient_guard.clean([p.grad for p in parameters])
            if self.gradient_clip is not None or self.is_logging:
                norm = get_total_norm([p.grad for p in parameters])
        if self.gradient_clip is not None:
            clip_grads_with_norm_(parameters, self.gradient_clip, norm)
        if self.is_logging:
            name = "lazy_gradient_norm" if self._is_lazy else "gradient_norm"
            self._record({f"{role}/{name}": whole(norm)})

    # Logging

    def _record(self, terms: Terms) -> None:
        for name, term in terms.items():
            name = f"train/{name}"
            self._recorded[name] = self._recorded[name] + term if name in self._recorded else term

    def _log(self) -> None:
        """Send what was recorded to the loggers: the one place where a step waits for the device."""
        num_bad_steps = torch.tensor(self.guard.num_bad_steps, device=self.device)
        self.guard.check("the loss", self.trainer.strategy.reduce(num_bad_steps, reduce_op="max"))
        values = torch.stack([term.float() for term in self._recorded.values()]).tolist()
        self.scalars = dict(zip(self._recorded, values, strict=True))
        self._recorded.clear()
        for role, num_bad in self.gradient_guard.report(self.images_seen).items():
            self.scalars[f"train/{role}/bad_gradients"] = num_bad
        for role, optimizer in zip(self.roles, self.trainer.optimizers, strict=True):
            self.scalars[f"train/{role}/lr"] = optimizer.param_groups[0]["lr"]
        now = time.perf_counter()
        if self._last_log is not None:
            then, images = self._last_log
            self.scalars["train/images_per_second"] = (self.images_seen - images) / (now - then)
        self._last_log = (now, self.images_seen)
        self.log_scalars(self.scalars)

    def log_scalars(self, scalars: dict[str, float]) -> None:
        """Log ``scalars`` at the present `images_seen` with every logger of the run."""
        for logger in self.trainer.loggers:
            logger.log_metrics(scalars, step=self.images_seen)

    def on_train_end(self) -> None:
        self.gradient_guard.report(self.images_seen, is_end=True)


def _nothing() -> None:
    """Take the place of a closure: the gradients are there already."""
