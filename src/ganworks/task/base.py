"""What surrounds a manually optimized step: time in images, keyed noise, updates, logging, state."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer

from ganworks.errors import SettingError, check_count, check_range
from ganworks.noise import keyed_rng, keyed_seed
from ganworks.task.guard import NonFiniteGuard

log = logging.getLogger(__name__)
Batch = dict[str, Tensor]
Terms = dict[str, Tensor]


class ManualTask(pl.LightningModule):
    """A LightningModule whose training step calls `update` for each network and `finish_step` at the end.

    Args:
        num_images: length of the training in real images.
        seed: key of every draw.
        gradient_clip: largest norm of a network's gradient; None does not clip.
        accumulate: parts in which a batch is processed to save memory; the gradient is that of the batch.
        patience: updates in a row with a loss that is not finite, after which the run stops.

    Attributes:
        images_seen: real images seen over all processes: the x-axis of every logger, file name and schedule.
        num_steps: batches seen by this process.
        scalars: what was logged last, under the names that it was logged with.
    """

    roles = ("generator", "discriminator")  # the order of configure_optimizers; the first is the one counted

    def __init__(
        self,
        num_images: int,
        seed: int = 0,
        gradient_clip: float | None = None,
        accumulate: int = 1,
        patience: int = 20,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.num_images, self.seed = check_count("num_images", num_images), seed
        self.gradient_clip = (
            None if gradient_clip is None else check_range("gradient_clip", gradient_clip, 1e-12)
        )
        self.accumulate = check_count("accumulate", accumulate)
        self.guard = NonFiniteGuard(patience)
        self.images_seen, self.num_steps, self._part = 0, 0, 0
        self.scalars: dict[str, float] = {}
        self._recorded: Terms = {}
        self.rates: list[float] = []  # learning rates of the configuration, in the order of `roles`
        self._rates_before: list[float] = []  # those of the checkpoint that the run goes on from
        self._last_log: tuple[float, int] | None = None

    def configure_model(self) -> None:
        """Let the strategy split the networks over the devices, where it is one that does."""
        shard = getattr(self.trainer.strategy, "shard", None)
        if shard is not None:
            shard(self)

    @property
    def progress(self) -> float:
        """The share of the training that is done, in [0, 1]."""
        return min(1.0, self.images_seen / self.num_images)

    @property
    def is_logging(self) -> bool:
        """Whether this step's scalars are logged."""
        return self.num_steps % self.trainer.log_every_n_steps == 0  # type: ignore[attr-defined]

    def rng(self, stream: str) -> torch.Generator:
        """Return the random numbers of ``stream`` in this step: a function of seed, rank and step alone."""
        return keyed_rng(self.seed, self.global_rank, stream, self.num_steps, self._part, device=self.device)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        # Networks that draw for themselves (dropout, noise inputs) are keyed as well.
        # Not torch.manual_seed: it formats a stack trace for every accelerator, half a millisecond a step.
        seed = keyed_seed(self.seed, self.global_rank, "network", self.num_steps)
        torch.default_generator.manual_seed(seed)
        if self.device.type != "cpu":
            torch.get_device_module(self.device).manual_seed(seed)

    def split(self, batch: Batch) -> list[Batch]:
        """Return the batch in `accumulate` parts of equal size."""
        size = len(batch["real"])
        if size % self.accumulate:
            raise SettingError("task.accumulate", self.accumulate, f"a divisor of data.batch_size={size}")
        chunks = {name: value.chunk(self.accumulate) for name, value in batch.items()}
        return [{name: chunk[part] for name, chunk in chunks.items()} for part in range(self.accumulate)]

    def update(self, role: str, terms_of: Callable[[Batch], Terms], parts: list[Batch]) -> None:
        """Let the network of ``role`` descend the sum of its terms, averaged over ``parts``.

        An update whose loss is not finite is left out where that is known without waiting for the device.
        """
        optimizer = self.trainer.optimizers[self.roles.index(role)]
        optimizer.zero_grad(set_to_none=True)
        is_finite = all(
            self._backward(role, terms_of, part, len(parts)) for self._part, part in enumerate(parts)
        )
        self._part = 0
        if is_finite:
            self._step(role, optimizer)

    def _backward(self, role: str, terms_of: Callable[[Batch], Terms], part: Batch, num_parts: int) -> bool:
        """Add the gradient of one part; return False where its loss is not finite."""
        terms = terms_of(part)
        loss = torch.stack(tuple(terms.values())).sum() / num_parts
        if self.is_logging:
            self._record({f"{role}/{name}": term.detach() / num_parts for name, term in terms.items()})
        if not self.guard.admits(loss, role, may_skip=self.trainer.world_size == 1):
            self.guard.check(
                f"{role}: {', '.join(f'{name}={float(term.detach()):g}' for name, term in terms.items())}"
            )
            return False
        arm = getattr(self.trainer.strategy, "arm", None)
        if arm is not None and self._part == num_parts - 1:  # the gradients are complete: they may leave
            arm(self.trainer.optimizers[self.roles.index(role)])
        self.manual_backward(loss)
        return True

    def _step(self, role: str, optimizer: Optimizer) -> None:
        if role == self.roles[0]:  # the one step that Lightning counts: global_step is its number
            self.optimizers()[0].step()  # type: ignore[index]
        else:
            self.trainer.strategy.optimizer_step(optimizer, _nothing)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip here, after the precision plugin has unscaled the gradients."""
        if self.gradient_clip is None and not self.is_logging:
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = get_total_norm([p.grad for p in parameters])
        if self.gradient_clip is not None:
            clip_grads_with_norm_(parameters, self.gradient_clip, norm)
        if self.is_logging:
            role = self.roles[self.trainer.optimizers.index(optimizer)]
            self._record({f"{role}/gradient_norm": whole(norm)})

    def finish_step(self, num_images: int) -> None:
        """Count ``num_images`` of this process, log, and stop the trainer at the end of the training."""
        is_logging = self.is_logging
        self.images_seen += num_images * self.trainer.world_size
        self.num_steps += 1
        if is_logging:
            self._log()
        if self.images_seen >= self.num_images:
            self.trainer.should_stop = True

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

    def on_train_start(self) -> None:
        """Follow the configuration where a resumed run has other learning rates than its checkpoint began with."""
        for optimizer, rate, before in zip(
            self.trainer.optimizers, self.rates, self._rates_before, strict=False
        ):
            for group in optimizer.param_groups if rate != before else ():
                for name in {"lr", "initial_lr"} & group.keys():
                    group[name] = group[name] * rate / before
        self._rates_before = []

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["rates"] = self.rates
        counts = {"images_seen": self.images_seen, "num_steps": self.num_steps}
        checkpoint["time"] = {**counts, "num_devices": self.trainer.world_size}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._rates_before = checkpoint.get("rates", [])
        self.images_seen, self.num_steps = checkpoint["time"]["images_seen"], checkpoint["time"]["num_steps"]
        before, now = checkpoint["time"].get("num_devices"), self.trainer.world_size
        if before not in (None, now) and self.trainer.is_global_zero:
            log.warning(
                "The run was trained on %s device(s) and goes on on %s: an update takes data.batch_size real samples a"
                " device, now %s instead of %s times as many; the order of the data and all draws are other ones"
                " than they would have been. Learning rates, schedules and intervals in images stay.",
                *(before, now, now, before),
            )


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Record no gradient for the parameters of ``network`` in the forward passes inside."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad = False
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad = True


def whole(tensor: Tensor) -> Tensor:
    """Return ``tensor``; a sharded one put together, for which all processes have to ask."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def local(tensor: Tensor) -> Tensor:
    """Return ``tensor``; of a sharded one the part that this process holds."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def detached(batch: Batch, **outputs: Tensor) -> Batch:
    """Return the batch with ``outputs`` beside it, without their graphs."""
    return {name: value.detach() for name, value in {**batch, **outputs}.items()}


def _nothing() -> None:
    """Take the place of a closure: the gradients are there already."""
