"""Processes of one run on one machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch.distributed as dist
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher

from ganworks.started import is_about_another_rank
from ganworks.strategy.ranks import OtherRanks, RankError, share_cores


class RunLauncher(_SubprocessScriptLauncher):
    """Start the other ranks from the run directory: they read config.yaml, not the command line.

    Lightning would repeat the command of rank 0, and with it Hydra: a sweep would start its sweep again, and
    every rank would choose a directory of its own. Where torchrun or SLURM has started the ranks, nothing is
    started here. When one of the ranks fails, all end.
    """

    def launch(self, function: Callable, *args: Any, trainer: pl.Trainer | None = None, **kwargs: Any) -> Any:
        assert trainer is not None
        environment = self.cluster_environment
        environment.validate_settings(num_devices=self.num_processes, num_nodes=self.num_nodes)
        share_cores(self.num_processes)
        if environment.creates_processes_externally:
            try:
                return function(*args, **kwargs)
            except RuntimeError as error:
                if is_about_another_rank(error):
                    raise RankError("another rank of the run ended: its own error stands above.") from error
                raise
        # fit hands on (model, loaders, validation loaders, data module, checkpoint, ...)
        checkpoint = next((str(argument) for argument in args if isinstance(argument, str | os.PathLike)), "")
        command = [sys.executable, "-m", "ganworks.cli.worker", trainer.default_root_dir, checkpoint]
        ranks = OtherRanks(command, environment, self.num_processes, self.num_nodes)
        self.procs = ranks.processes  # Lightning sends them its signals

        def tell(error: BaseException) -> None:
            for callback in trainer.callbacks:  # type: ignore[attr-defined]
                callback.on_exception(trainer, trainer.lightning_module, error)

        try:
            with ranks.watched(tell):
                return function(*args, **kwargs)
        finally:
            self._forget()

    def _forget(self) -> None:
        """Leave the process as it was, for the next run of a sweep."""
        if dist.is_initialized():
            dist.destroy_process_group()
        for name in ("MASTER_ADDR", "MASTER_PORT"):  # set by Lightning on the way
            os.environ.pop(name, None)
