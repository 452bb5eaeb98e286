"""Processes of one run on one machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher


class RunLauncher(_SubprocessScriptLauncher):
    """Start the other ranks from the run directory: they read config.yaml, not the command line.

    Lightning would repeat the command of rank 0, and with it Hydra: a sweep would start its sweep again, and
    every rank would choose a directory of its own. Where torchrun or SLURM has started the ranks, nothing is
    started here.
    """

    def launch(self, function: Callable, *args: Any, trainer: pl.Trainer | None = None, **kwargs: Any) -> Any:
        assert trainer is not None
        self._run_dir = trainer.default_root_dir
        # fit hands on (model, loaders, validation loaders, data module, checkpoint, ...)
        self._checkpoint = next(
            (str(argument) for argument in args if isinstance(argument, str | os.PathLike)), ""
        )
        try:
            return super().launch(function, *args, trainer=trainer, **kwargs)
        except BaseException:
            for process in self.procs:  # they would wait for this rank in a collective
                process.kill()
            raise

    def _call_children_scripts(self) -> None:
        self._check_can_spawn_children()
        environment = self.cluster_environment
        os.environ["MASTER_ADDR"] = environment.main_address
        os.environ["MASTER_PORT"] = str(environment.main_port)
        os.environ["NODE_RANK"] = str(environment.node_rank())
        os.environ["LOCAL_RANK"] = str(environment.local_rank())
        os.environ["WORLD_SIZE"] = str(self.num_processes * self.num_nodes)
        command = [sys.executable, "-m", "ganworks.cli.worker", self._run_dir, self._checkpoint]
        self.procs = [
            subprocess.Popen(command, env={**os.environ, "LOCAL_RANK": str(rank)})
            for rank in range(1, self.num_processes)
        ]
