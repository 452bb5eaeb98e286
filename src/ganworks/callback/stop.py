"""Ctrl-C and SIGTERM end a run after the batch in hand, with everything saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from ganworks.task import ManualTask


class GracefulStop(pl.Callback):
    """Turn the first SIGINT or SIGTERM into a stop at the end of the batch; a second one acts at once.

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
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._note)

    def on_train_batch_end(self, trainer: pl.Trainer, task: ManualTask, *args: object) -> None:  # type: ignore[override]
        is_received = self.received is not None
        if trainer.world_size > 1:
            # All ranks stop at the same batch; asking each other costs a wait, so not in every step.
            if task.num_steps % trainer.log_every_n_steps:  # type: ignore[attr-defined]
                return
            is_received = trainer.strategy.reduce_boolean_decision(is_received, all=False)
        trainer.should_stop = trainer.should_stop or is_received

    def teardown(self, trainer: pl.Trainer, task: pl.LightningModule, stage: str) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        while self._handlers:
            number, handler = self._handlers.popitem()
            signal.signal(number, handler)
