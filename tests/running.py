"""Small real runs for tests: the commands' own code, in this process or in one of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.plugins import MixedPrecision

from ganworks.run import compose as composing
from ganworks.run.fit import Outcome
from ganworks.run.resume import resume
from ganworks.run.start import start

QUICK = ["metric=none", "trainer=cpu", "callback.sample_grid.every_images=null", "model.width=8"]


def compose(*overrides: str) -> DictConfig:
    """Return the configuration of `train.py` with ``overrides``."""
    return composing.compose(overrides)


def train(run_dir: Path, *overrides: str) -> Outcome:
    """Train in ``run_dir`` as `python train.py` does, in this process."""
    return start(compose(*QUICK, *overrides), run_dir, launched_at=0.0)


def train_on(run_dir: Path, *overrides: str) -> Outcome:
    """Resume ``run_dir`` as `python train.py resume=...` does, in this process."""
    return resume(str(run_dir), list(overrides), launched_at=0.0)


def train_apart(run_dir: Path, *overrides: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Train in ``run_dir`` with the real command in a process of its own."""
    command = [sys.executable, "-m", "ganworks.cli.train", f"hydra.run.dir={run_dir}", "experiment=null"]
    command += [*QUICK, *overrides]
    environment = {**environment_of_tests(), **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def environment_of_tests() -> dict[str, str]:
    """Return this process's environment, in which classes of the tests are found."""
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    # One thread, as the runs in this process have: sums in another order differ in the last bit.
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


def checkpoint(run_dir: Path) -> dict[str, Any]:
    """Return the last checkpoint of a run."""
    return torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)


def differences(first: Any, second: Any, path: str = "") -> list[str]:
    """Return the places in which two checkpoints' trees of tensors and plain values differ."""
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        return [d for key in first for d in differences(first[key], second[key], f"{path}/{key}")]
    if isinstance(first, list | tuple) and isinstance(second, list | tuple) and len(first) == len(second):
        return [
            d
            for i, (a, b) in enumerate(zip(first, second, strict=True))
            for d in differences(a, b, f"{path}/{i}")
        ]
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return [] if torch.equal(first, second) else [path]
    return [] if first == second else [f"{path}: {first} and {second}"]


class SignalAt(pl.Callback):
    """Send this process the signal named in the environment variable SIGNAL once it has seen ``images``.

    Args:
        images: after which it is sent.
        times: how often, within one batch.
        pause: seconds between two.
    """

    def __init__(self, images: int, times: int = 1, pause: float = 0.0) -> None:
        self.images, self.times, self.pause = images, times, pause

    def on_train_batch_start(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        if task.images_seen >= self.images and "SIGNAL" in os.environ:
            number = signal.Signals[os.environ.pop("SIGNAL")]
            for _ in range(self.times):
                os.kill(os.getpid(), number)
                time.sleep(self.pause)


class StopAt(pl.Callback):
    """Stop the run once it has seen ``images``."""

    def __init__(self, images: int) -> None:
        self.images = images

    def on_train_batch_end(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        if task.images_seen >= self.images:
            trainer.should_stop = True


class RaiseAt(pl.Callback):
    """Raise on one rank once the run has seen ``images``."""

    def __init__(self, images: int, rank: int) -> None:
        self.images, self.rank = images, rank

    def on_train_batch_start(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        if trainer.global_rank == self.rank and task.images_seen >= self.images:
            raise ArithmeticError(f"a fault of rank {self.rank}")


class Collapse(pl.Callback):
    """Let the generator's last layer ignore the latent."""

    def on_train_batch_start(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        with torch.no_grad():
            task.generator.to_image.weight.mul_(1e-3)


class SpoilAt(pl.Callback):
    """Write NaN into the weights of the generator once ``images`` were seen; with ``every``, again and again."""

    def __init__(self, images: int, every: bool = False) -> None:
        self.images, self.every, self.is_done = images, every, False

    def on_train_batch_start(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        if task.images_seen >= self.images and not self.is_done:
            self.is_done = not self.every
            with torch.no_grad():
                next(task.generator.parameters()).fill_(float("nan"))


def half() -> MixedPrecision:
    """Return float16 with a gradient scaler on the CPU, where Lightning by itself takes bfloat16 without one."""
    return MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=2.0**10))
