"""The workers of this machine: started, watched, started again when one is lost, stopped together."""

from __future__ import annotations

import logging
import os
import signal
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from ganworks.system import start_context
from ganworks.tuning.process import Train
from ganworks.tuning.settings import Settings
from ganworks.tuning.worker import work

log = logging.getLogger(__name__)
PRELOADED = ["ganworks.run.start", "ganworks.tuning.worker"]


class Pool:
    """Worker processes, forked from a server that has imported the libraries once; spawned where nothing forks.

    Args:
        settings: of the study.
        train: trains as `python train.py` does with the arguments that it is given; the server imports its module.
    """

    def __init__(self, settings: Settings, train: Train) -> None:
        self.settings, self.train = settings, train
        self._context = start_context("forkserver")
        self._context.set_forkserver_preload([*PRELOADED, train.__module__, *imported()])
        self._num_lost, self._is_stopping = 0, False
        self.processes = [self._start(index) for index in range(settings.workers)]

    def _start(self, index: int) -> BaseProcess:
        environment = {**os.environ, **device(index, os.environ.get("CUDA_VISIBLE_DEVICES"))}
        path = self.settings.folder / "workers" / f"{index}.log"
        arguments = (self.settings, self.train, Path.cwd(), environment, path)
        process: BaseProcess = self._context.Process(target=work, args=arguments)
        process.start()
        return process

    def is_working(self) -> bool:
        """Say whether a worker is still at it; one that was lost is replaced."""
        for index, process in enumerate(self.processes):
            code = process.exitcode
            if code not in (None, 0) and not self._is_stopping and self._num_lost < 5 * len(self.processes):
                self._num_lost += 1
                log.warning("A worker was lost (exit code %s); another one takes its place.", code)
                self.processes[index] = self._start(index)
        return any(process.exitcode is None for process in self.processes)

    def stop(self) -> None:
        """Ask all workers to stop their trials with a checkpoint; the second time, end them at once."""
        for process in self.processes:
            if process.is_alive():
                process.kill() if self._is_stopping else process.terminate()
        self._is_stopping = True


def imported() -> list[str]:
    """Return the modules that checking the points of the space has imported on first use: trials use them too."""
    return [name for name in list(sys.modules) if name.partition(".")[0] in ("ganworks", "sklearn")]


def device(index: int, visible: str | None) -> dict[str, str]:
    """Return the environment that gives each worker a GPU of its own where there are several."""
    gpus = visible.split(",") if visible else [str(gpu) for gpu in range(torch.cuda.device_count())]
    return {"CUDA_VISIBLE_DEVICES": gpus[index % len(gpus)]} if len(gpus) > 1 else {}


def note_signals(received: list[int]) -> None:
    """Append SIGINT and SIGTERM to ``received`` instead of acting on them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: received.append(number))
