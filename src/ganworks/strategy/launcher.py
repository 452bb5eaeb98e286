"""Processes of one run on one machine."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher

from ganworks.errors import GanworksError

LOST_PEER = 3  # exit code of a rank that ends because another one did
GRACE = 20.0  # seconds that this rank has to notice that another one is gone


class RankError(GanworksError):
    """Another rank of the run ended; what it has to say was printed by itself."""


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
        num_threads = max(1, (os.cpu_count() or 1) // max(1, self.num_processes))
        torch.set_num_threads(min(torch.get_num_threads(), num_threads))
        if environment.creates_processes_externally:
            try:
                return function(*args, **kwargs)
            except RuntimeError as error:
                if is_about_another_rank(error):
                    raise RankError("another rank of the run ended: its own error stands above.") from error
                raise
        # fit hands on (model, loaders, validation loaders, data module, checkpoint, ...)
        checkpoint = next((str(argument) for argument in args if isinstance(argument, str | os.PathLike)), "")
        self._start(trainer.default_root_dir, checkpoint)
        is_over = threading.Event()
        threading.Thread(target=self._watch, args=(trainer, is_over), daemon=True).start()
        try:
            result = function(*args, **kwargs)
            self._join()
            return result
        except RuntimeError as error:
            raise self._cause(error) from error
        finally:
            is_over.set()
            for process in self.procs:  # they would wait for this rank in a collective
                process.kill()
                process.wait()
            self._forget()

    def _start(self, run_dir: str, checkpoint: str) -> None:
        environment = self.cluster_environment
        meeting = {
            "MASTER_ADDR": environment.main_address,
            "MASTER_PORT": str(environment.main_port),
            "NODE_RANK": str(environment.node_rank()),
            "WORLD_SIZE": str(self.num_processes * self.num_nodes),
        }
        command = [sys.executable, "-m", "ganworks.cli.worker", run_dir, checkpoint]
        self.procs = [
            subprocess.Popen(command, env={**os.environ, **meeting, "LOCAL_RANK": str(rank)})
            for rank in range(1, self.num_processes)
        ]

    def _join(self) -> None:
        """Wait until the other ranks have closed what they hold open."""
        for process in self.procs:
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                return

    def _forget(self) -> None:
        """Leave the process as it was, for the next run of a sweep."""
        if dist.is_initialized():
            dist.destroy_process_group()
        for name in ("MASTER_ADDR", "MASTER_PORT"):  # set by Lightning on the way
            os.environ.pop(name, None)

    def _watch(self, trainer: pl.Trainer, is_over: threading.Event) -> None:
        """End this process where a rank is gone and this one hangs in a collective, as on GPUs it does."""
        while not is_over.wait(0.5):
            if self._failed_rank() is not None and not is_over.wait(GRACE):
                error = self._cause(RuntimeError())
                for callback in trainer.callbacks:  # type: ignore[attr-defined]
                    callback.on_exception(trainer, trainer.lightning_module, error)
                sys.stderr.write(f"error: {error}\n")
                for process in self.procs:
                    process.kill()
                os._exit(1)

    def _cause(self, error: RuntimeError) -> Exception:
        """Return an error about the rank that failed, or ``error`` where it is this rank's own."""
        # The connection is cut before the process of the other rank has ended.
        deadline = time.monotonic() + (GRACE if is_about_another_rank(error) else 0)
        while (rank := self._failed_rank()) is None and time.monotonic() < deadline:
            time.sleep(0.1)
        if rank is None:
            return error
        code = self.procs[rank - 1].returncode
        return RankError(
            f"rank {rank} ended with exit code {code}: its own error stands above. The run was ended."
        )

    def _failed_rank(self) -> int | None:
        """Return the rank that failed; where several did, one that did so by itself."""
        codes = {rank: process.poll() for rank, process in enumerate(self.procs, start=1)}
        failed = [rank for rank, code in codes.items() if code not in (None, 0)]
        return min(failed, key=lambda rank: codes[rank] == LOST_PEER, default=None)


def is_about_another_rank(error: RuntimeError) -> bool:
    """Say whether ``error`` tells no more than that the connection to another rank is cut."""
    return isinstance(error, dist.DistError) or any(
        words in str(error) for words in ("closed by peer", "reset by peer")
    )
