"""Ctrl-C, SIGTERM, SIGHUP and SLURM's signal before the time limit end a run after a batch, with everything saved."""

from __future__ import annotations

import logging
import os
import signal
import time
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch

from ganworks.interrupt import Interrupted, say, signals_to_take
from ganworks.strategy import slurm
from ganworks.task import ManualTask

log = logging.getLogger(__name__)
ECHO = 1.0  # seconds in which a batch system's signal to a group of processes may reach one of them twice


class GracefulStop(pl.Callback):
    """Turn the first SIGINT, SIGTERM or SIGHUP into a stop at the end of the batch; a second one acts at once.

    In a SLURM job SIGUSR1 stops as well, and the command then requeues the job.

    A checkpoint taken between two batches is exact, one taken in the middle of an update is not: at the second signal
    `Interrupted` is raised, and the last checkpoint stays the one that there is.

    Attributes:
        received: the signal that stopped the run, or None.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._handlers: dict[int, Any] = {}
        self._received_at, self._speaks, self._has_told = 0.0, True, False

    def on_train_start(self, trainer: pl.Trainer, task: pl.LightningModule) -> None:
        self._speaks = trainer.is_global_zero
        numbers = signals_to_take()
        if numbers and slurm.REQUEUE_SIGNAL and slurm.job_id():
            numbers = [*numbers, slurm.REQUEUE_SIGNAL]
        for number in numbers:
            self._handlers[number] = signal.signal(number, self._note)

    def on_train_batch_end(self, trainer: pl.Trainer, task: ManualTask, *args: object) -> None:  # type: ignore[override]
        if trainer.world_size > 1:
            # All ranks stop at the same batch; asking each other costs a wait, so not in every step.
            if task.num_steps % trainer.log_every_n_steps:  # type: ignore[attr-defined]
                return
            mine = torch.tensor(self.received or 0, device=task.device)
            number = int(trainer.strategy.reduce(mine, reduce_op="max"))
            self.received = signal.Signals(number) if number else None
        if self.received is not None and not self._has_told:
            self._has_told = True
            log.info("%s: the run stops at %s images.", self.received.name, f"{task.images_seen:,}")
        trainer.should_stop = trainer.should_stop or self.received is not None

    def teardown(self, trainer: pl.Trainer, task: pl.LightningModule, stage: str) -> None:
        self._restore()

    def on_exception(self, trainer: pl.Trainer, task: pl.LightningModule, exception: BaseException) -> None:
        if isinstance(exception, Interrupted):
            self.received = exception.signal
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        is_second = self.received is not None
        if is_second and number != signal.SIGINT and time.monotonic() - self._received_at < ECHO:
            return
        self.received, self._received_at = signal.Signals(number), time.monotonic()
        if is_second:
            signal.signal(number, lambda number, frame: os._exit(128 + number))
            raise Interrupted(number)
        if self._speaks:
            say(
                f"{self.received.name}: stopping after this batch, or the evaluation in hand, with a checkpoint;"
                " once more stops at once, without a new one."
            )

    def _restore(self) -> None:
        while self._handlers:
            number, handler = self._handlers.popitem()
            if signal.getsignal(number) == self._note:  # at the end Lightning has put back what was before it
                signal.signal(number, handler)
