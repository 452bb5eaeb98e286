"""What a training step costs over a bare loop with the same networks, loss and optimizers.

    python benchmarks/step_overhead.py [--blocks 30] [--steps 20] [--threads 1]

Both sides run in one process, in turns of some steps each, and the table shows medians over the turns and the
median of the paired ratios. `bare` is the loop of a tutorial: one backward for the real and one for the fake
batch, one for the generator, no average of the weights. `tuned` is what an expert would write by hand: one backward
for the discriminator, frozen while the generator learns, and the same average of the weights as the real run.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from ganworks.cli import resolvers
from ganworks.cli.build import build_run, build_trainer
from ganworks.cli.log import quieten
from ganworks.optimizer import build
from ganworks.task import AdversarialTask

COMMON = ["metric=none", "trainer=cpu", "trainer.log_every_n_steps=50", "callback.sample_grid.every_images=null",
          "callback.checkpoint.every_images=null", "loss=bce", "optimizer=adam"]  # fmt: skip
CASES = {
    "DCGAN-32, 64 features, batch 64": ["data=digits", "data.resolution=32", "model=dcgan", "model.width=64"],
    "digits 8x8, width 32, batch 64": ["data=digits", "model=dcgan", "model.width=32"],
}


class Bare:
    """The loop of a tutorial on copies of the task's networks."""

    def __init__(self, task: AdversarialTask, batch: Tensor) -> None:
        self.generator, self.discriminator = copy.deepcopy(task.generator), copy.deepcopy(task.discriminator)
        self.generator.train(), self.discriminator.train()
        self.generator_optimizer = build(task.generator_optimizer, self.generator)
        self.discriminator_optimizer = build(task.discriminator_optimizer, self.discriminator)
        self.loss, self.real = nn.functional.binary_cross_entropy_with_logits, batch
        self.one, self.zero = torch.ones(len(batch)), torch.zeros(len(batch))

    def step(self) -> None:
        self.discriminator_optimizer.zero_grad()
        self.loss(self.discriminator(self.real), self.one).backward()
        fake = self.generator(torch.randn(len(self.real), self.generator.latent_dim))
        self.loss(self.discriminator(fake.detach()), self.zero).backward()
        self.discriminator_optimizer.step()
        self.generator_optimizer.zero_grad()
        self.loss(self.discriminator(fake), self.one).backward()
        self.generator_optimizer.step()


class Tuned(Bare):
    """The same game with what an expert adds by hand."""

    def __init__(self, task: AdversarialTask, batch: Tensor) -> None:
        super().__init__(task, batch)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)

    def step(self) -> None:
        self.discriminator_optimizer.zero_grad()
        fake = self.generator(torch.randn(len(self.real), self.generator.latent_dim))
        real_loss = self.loss(self.discriminator(self.real), self.one)
        (real_loss + self.loss(self.discriminator(fake.detach()), self.zero)).backward()
        self.discriminator_optimizer.step()
        self.generator_optimizer.zero_grad()
        self.discriminator.requires_grad_(False)
        loss = self.loss(self.discriminator(fake), self.one)
        self.discriminator.requires_grad_(True)
        loss.backward()
        self.generator_optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 0.001)
            for kept, buffer in zip(self.average.buffers(), self.generator.buffers(), strict=True):
                kept.copy_(buffer)


class Turns(pl.Callback):
    """Stop the clock of the real run every ``num_steps`` steps and let the rivals take theirs."""

    def __init__(self, rivals: dict[str, Callable[[], None]], num_steps: int, num_blocks: int) -> None:
        self.rivals, self.num_steps, self.num_blocks = rivals, num_steps, num_blocks
        self.seconds: dict[str, list[float]] = {name: [] for name in ("ganworks", *rivals)}
        self._taken = 0

    def on_train_start(self, trainer: pl.Trainer, task: Any) -> None:
        self._start = time.perf_counter()

    def on_train_batch_end(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        self._taken += 1
        if self._taken % self.num_steps:
            return
        self.seconds["ganworks"].append((time.perf_counter() - self._start) / self.num_steps)
        for name, step in self.rivals.items():
            start = time.perf_counter()
            for _ in range(self.num_steps):
                step()
            self.seconds[name].append((time.perf_counter() - start) / self.num_steps)
        if len(self.seconds["ganworks"]) >= self.num_blocks + 2:  # two turns of warm-up
            trainer.should_stop = True
        self._start = time.perf_counter()


def measure(overrides: list[str], num_steps: int, num_blocks: int) -> dict[str, list[float]]:
    """Return the seconds a step of each side in each turn, without the warm-up."""
    with hydra.initialize_config_module("ganworks.conf", version_base="1.3"):
        config = hydra.compose("train", [*COMMON, *overrides, "num_images=1e9"])
    run = build_run(config)
    batch = next(iter(run.datamodule.train_dataloader()))["real"]
    rivals = {"bare": Bare(run.task, batch).step, "tuned": Tuned(run.task, batch).step}
    turns = Turns(rivals, num_steps, num_blocks)
    run.callbacks = [*run.callbacks, turns]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "checkpoints").mkdir()
        build_trainer(config, run, Path(folder), time.time()).fit(run.task, run.datamodule)
    return {name: seconds[2:] for name, seconds in turns.seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, default=30)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    resolvers.register()
    quieten()
    table = Table(
        title=f"a step, {arguments.threads} thread(s), torch {torch.__version__}", title_justify="left"
    )
    for column in ("case", "side", "ms a step", "ganworks / side", "ganworks - side, ms"):
        table.add_column(column, justify="left" if column in ("case", "side") else "right")
    for case, overrides in CASES.items():
        seconds = measure(overrides, arguments.steps, arguments.blocks)
        for side, times in seconds.items():
            ratios = [ours / theirs for ours, theirs in zip(seconds["ganworks"], times, strict=True)]
            extra = [1e3 * (ours - theirs) for ours, theirs in zip(seconds["ganworks"], times, strict=True)]
            table.add_row(
                case, side, f"{1e3 * statistics.median(times):.2f}", f"{statistics.median(ratios):.3f}",
                f"{statistics.median(extra):+.2f}",
            )  # fmt: skip
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
