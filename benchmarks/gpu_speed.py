"""How quick is it: runs that are timed, with and without the trainer around them; parts of `gpu.py`."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from gpu_cases import COMPILED, SIDES, Row, Settings
from precision import bare_steps, count_kernels, endless, synchronize

from ganworks.run.build import build_run, build_trainer
from ganworks.run.compose import compose
from ganworks.run.speed import compile_networks


class Clock(pl.Callback):
    """Time some steps of a real run, and as many without the trainer around them."""

    def __init__(self, num_steps: int, num_warm_up: int, profiled: bool) -> None:
        self.num_steps, self.num_warm_up, self.profiled = num_steps, num_warm_up, profiled
        self.wall = self.bare = self.device_time = self.num_kernels = self.memory = 0.0
        self._taken = 0

    def on_train_start(self, trainer: pl.Trainer, task: Any) -> None:
        self._stream: Iterator[Any] = endless(trainer)
        self._begin(task)

    def on_train_batch_end(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        self._taken += 1
        if self._taken == self.num_warm_up:
            if task.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            self._begin(task)
        if self._taken < self.num_warm_up + self.num_steps:
            return
        self.wall = self._end(task)
        if task.device.type == "cuda":
            self.memory = torch.cuda.max_memory_allocated() / 2**30
        steps = partial(bare_steps, trainer, task, self._stream, self.num_steps)
        self._begin(task)
        steps()
        self.bare = self._end(task)
        if self.profiled and task.device.type == "cuda":
            counted = count_kernels(task, steps)
            self.num_kernels, self.device_time = (each / self.num_steps for each in counted)
        trainer.should_stop = True

    def _begin(self, task: Any) -> None:
        synchronize(task)
        self._since = time.perf_counter()

    def _end(self, task: Any) -> float:
        synchronize(task)
        return (time.perf_counter() - self._since) / self.num_steps


@dataclass(frozen=True)
class Timed:
    """A run that was timed."""

    clock: Clock
    task: Any
    batch_size: int


def timed_run(
    case: str,
    overrides: list[str],
    settings: Settings,
    num_warm_up: int = 3,
    compiled: dict[str, Any] | None = None,
) -> Timed:
    """Train a case for some steps.

    Args:
        compiled: options of `torch.compile`; None trains eagerly.
    """
    config = compose([*settings.overrides(case), *overrides])
    run = build_run(config)
    if compiled is not None:
        torch._dynamo.reset()
        compile_networks(run.task, **compiled)
    clock = Clock(settings.num_steps, num_warm_up, profiled=compiled is None or not compiled)
    run.callbacks = [clock]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        build_trainer(config, run, Path(folder), time.time()).fit(run.task, run.datamodule)
    return Timed(clock, run.task, run.datamodule.batch_size)


def speed(case: str, side: str, settings: Settings) -> Row:
    """Return images a second, memory, and what a step is made of."""
    timed = timed_run(case, SIDES[side], settings, 1 if settings.is_toy else 5, COMPILED.get(side))
    clock = timed.clock
    row = {
        "batch": timed.batch_size,
        "ms": 1e3 * clock.wall,
        "images/s": timed.batch_size / clock.wall,
        "Lightning": 1 - clock.bare / clock.wall,
    }
    if clock.memory:
        row["GiB"] = clock.memory
    if clock.num_kernels:
        row |= {"kernels": clock.num_kernels, "GPU waits": 1 - clock.device_time / clock.wall}
    return row
