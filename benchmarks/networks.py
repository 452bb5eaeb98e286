"""What a training step of the published networks costs at their published sizes.

    python benchmarks/networks.py [--steps 16] [--threads 1] [--only TEXT ...]

A step is that of the recipe with all its terms: both players, the lazy penalties in their share (take a number of steps
that 16 divides), the augmentation, the average of the weights. The other side of a comparison is the official code at
the same batch, threads and number of steps, timed by whoever has it. Seconds by the clock and of the CPU, which a busy
machine disturbs less. The pictures are enlarged digits: data that needs no file.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))
from gpu import QUIET, images

from ganworks.run.build import build_run, build_trainer
from ganworks.run.compose import compose
from ganworks.run.log import quieten

CASES: dict[str, list[str]] = {
    "DCGAN-64, 64 features": ["model=dcgan", "model.width=64", *images(64, 16)],
    "SNGAN CIFAR": ["experiment=sngan_cifar10", *images(32, 64)],
    "StyleGAN2 CIFAR": ["experiment=stylegan2_ada_cifar10", *images(32, 16)],
    "StyleGAN2 FFHQ-256": ["experiment=stylegan2_ffhq256", *images(256, 8)],
    "R3GAN CIFAR": ["experiment=r3gan_cifar10", *images(32, 16)],
    "R3GAN FFHQ-64": ["experiment=r3gan_ffhq64", *images(64, 16)],
}


@dataclass
class Cost:
    """Seconds of a step."""

    wall: float = 0.0
    cpu: float = 0.0


class Clock(pl.Callback):
    """Time some steps of a real run after some that warm it up."""

    def __init__(self, num_steps: int, num_warm_up: int) -> None:
        self.num_steps, self.num_warm_up, self.cost = num_steps, num_warm_up, Cost()
        self._taken = 0

    def on_train_batch_end(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        self._taken += 1
        if self._taken == self.num_warm_up:
            self._wall, self._cpu = time.perf_counter(), time.process_time()
        if self._taken == self.num_warm_up + self.num_steps:
            self.cost.wall = (time.perf_counter() - self._wall) / self.num_steps
            self.cost.cpu = (time.process_time() - self._cpu) / self.num_steps
            trainer.should_stop = True


def row(case: str, num_steps: int, num_warm_up: int = 2) -> list[str]:
    """Return the cells of a case: its sizes, and what a step costs."""
    config = compose([*QUIET, *CASES[case], "trainer.accelerator=cpu"])
    run = build_run(config)
    clock = Clock(num_steps, num_warm_up)
    run.callbacks = [clock]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        build_trainer(config, run, Path(folder), time.time()).fit(run.task, run.datamodule)
    sizes = [sum(p.numel() for p in player.parameters()) for player in run.task.players.values()]
    batch = run.datamodule.batch_size
    cells = [case, *(f"{size:,}" for size in sizes), str(batch)]
    return [*cells, f"{clock.cost.wall:.3f}", f"{clock.cost.cpu:.3f}", f"{batch / clock.cost.cpu:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--only", nargs="*", default=[], help="cases whose names have one of these texts in them"
    )
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    quieten()
    title = f"a step, {given.threads} thread(s), torch {torch.__version__}"
    table = Table(title=title, title_justify="left")
    for column in (
        "network",
        "generator",
        "discriminator",
        "batch",
        "seconds",
        "CPU seconds",
        "images/CPU s",
    ):
        table.add_column(column, justify="left" if column == "network" else "right")
    for case in CASES:
        if not given.only or any(text in case for text in given.only):
            table.add_row(*row(case, given.steps))
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
