"""Ctrl-C, SIGTERM and SLURM's signal before the time limit end a run after a batch, with everything saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch

from ganworks.strategy import slurm
from ganworks.task import ManualTask


class GracefulStop(pl.Callback):
    """Turn the first SIGINT or SIGTERM into a stop at the end of the batch; a second one acts at once.

    In a SLURM job SIGUSR1 stops as well, and the command then requeues the job.

    A checkpoint taken between two batches is exact, one taken in the middle of an update is not.

    Attributes:
        received: the signal that stopped the run, or None.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._handlers: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, task: pl.LightningModule) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # signals belong to the main thread; a notebook's or a server's host handles them
        requeue = [slurm.REQUEUE_SIGNAL] if slurm.REQUEUE_SIGNAL and slurm.job_id() else []
        for number in (signal.SIGINT, signal.SIGTERM, *requeue):
            self._handlers[number] = signal.signal(number, self._note)

    def on_train_batch_end(self, trainer: pl.Trainer, task: ManualTask, *args: object) -> None:  # type: ignore[override]
        if trainer.world_size > 1:
            # All ranks stop at the same batch; asking each other costs a wait, so not in every step.
            if task.num_steps % trainer.log_every_n_steps:  # type: ignore[attr-defined]
                return
            mine = torch.tensor(self.received or 0, device=task.device)
            number = int(trainer.strategy.reduce(mine, reduce_op="max"))
            self.received = signal.Signals(number) if number else None
        trainer.should_stop = trainer.should_stop or self.received is not None

    def teardown(self, trainer: pl.Trainer, task: pl.LightningModule, stage: str) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        while self._handlers:
            number, handler = self._handlers.popitem()
            if signal.getsignal(number) == self._note:  # at the end Lightning has put back what was before it
                signal.signal(number, handler)
