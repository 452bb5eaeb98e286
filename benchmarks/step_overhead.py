"""What a training step costs over bare loops with the same networks, loss and learning rates.

    python benchmarks/step_overhead.py [--blocks 30] [--steps 20] [--threads 1]

All sides run in one process, in turns of some steps each, and the table shows medians over the turns and the median
of the paired ratios, of seconds and of the CPU seconds of this process, which a busy machine disturbs less.
`example` is the loop of PyTorch's own DCGAN example: one backward each for the real and the fake batch, Adam as it
comes, losses and means read with `.item()` in every step, convolutions in the default memory format. `tuned` is what
an expert would write by hand: one backward for the discriminator, frozen while the generator learns, fused Adam,
the memory format of the real run, and the same average of the weights.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from ganworks.optimizer import build
from ganworks.optimizer.build import with_plain_settings
from ganworks.run.build import build_run, build_trainer
from ganworks.run.compose import compose
from ganworks.run.log import quieten
from ganworks.task import AdversarialTask

COMMON = ["metric=none", "trainer=cpu", "trainer.log_every_n_steps=50", "callback.sample_grid.every_images=null",
          "callback.checkpoint.every_images=null"]  # fmt: skip
PLAIN = ["loss=bce", "optimizer=adam"]
BATCH = 64
CASES = {
    "DCGAN-32, 64 features, batch 64": ["data=digits", "data.resolution=32", "model=dcgan", "model.width=64"],
    "digits 8x8, width 32, batch 64": ["data=digits", "model=dcgan", "model.width=32"],
}


class Example:
    """The loop of PyTorch's DCGAN example (pytorch/examples, dcgan/main.py) on copies of the task's networks."""

    def __init__(self, task: AdversarialTask, batch: Tensor) -> None:
        self.generator, self.discriminator = self.copies(task)
        self.generator.train(), self.discriminator.train()
        self.generator_optimizer = self.optimizer(task.optimizer_factories["generator"], self.generator)
        self.discriminator_optimizer = self.optimizer(
            task.optimizer_factories["discriminator"], self.discriminator
        )
        self.loss, self.real = nn.functional.binary_cross_entropy, batch

    def copies(self, task: AdversarialTask) -> list[nn.Module]:
        """Return generator and discriminator with their weights in the default memory format."""
        networks = (copy.deepcopy(task.generator), copy.deepcopy(task.discriminator))
        return [network.to(memory_format=torch.contiguous_format) for network in networks]

    def optimizer(self, factory: Any, network: nn.Module) -> torch.optim.Optimizer:
        return with_plain_settings(factory)(network.parameters())

    def step(self) -> None:
        self.discriminator.zero_grad()
        label = torch.full((len(self.real),), 1.0)
        output = self.discriminator(self.real).sigmoid()
        real_loss = self.loss(output, label)
        real_loss.backward()
        shown = [output.mean().item()]
        fake = self.generator(torch.randn(len(self.real), self.generator.latent_dim))
        output = self.discriminator(fake.detach()).sigmoid()
        fake_loss = self.loss(output, label.fill_(0.0))
        fake_loss.backward()
        shown += [output.mean().item()]
        self.discriminator_optimizer.step()
        self.generator.zero_grad()
        output = self.discriminator(fake).sigmoid()
        loss = self.loss(output, label.fill_(1.0))
        loss.backward()
        self.generator_optimizer.step()
        shown += [output.mean().item(), (real_loss + fake_loss).item(), loss.item()]


class Tuned(Example):
    """The same game with what an expert adds by hand."""

    def __init__(self, task: AdversarialTask, batch: Tensor) -> None:
        super().__init__(task, batch)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.loss = nn.functional.binary_cross_entropy_with_logits
        self.one, self.zero = torch.ones(len(batch)), torch.zeros(len(batch))

    def copies(self, task: AdversarialTask) -> list[nn.Module]:
        return [copy.deepcopy(task.generator), copy.deepcopy(task.discriminator)]

    def optimizer(self, factory: Any, network: nn.Module) -> torch.optim.Optimizer:
        return build(factory, network)

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


@dataclass(frozen=True)
class Cost:
    """Seconds of one step, by the clock and by the CPU time of this process."""

    wall: float
    cpu: float


class Stopwatch:
    """Time blocks of steps."""

    def __init__(self, num_steps: int) -> None:
        self.num_steps = num_steps
        self.start()

    def start(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self) -> Cost:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return Cost(wall / self.num_steps, cpu / self.num_steps)


class Turns(pl.Callback):
    """Stop the clock of the real run every ``num_steps`` steps and let the rivals take theirs."""

    def __init__(self, rivals: dict[str, Callable[[], None]], num_steps: int, num_blocks: int) -> None:
        self.rivals, self.num_steps, self.num_blocks = rivals, num_steps, num_blocks
        self.costs: dict[str, list[Cost]] = {name: [] for name in ("ganworks", *rivals)}
        self._taken = 0

    def on_train_start(self, trainer: pl.Trainer, task: Any) -> None:
        self._watch = Stopwatch(self.num_steps)

    def on_train_batch_end(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        self._taken += 1
        if self._taken % self.num_steps:
            return
        self.costs["ganworks"].append(self._watch.stop())
        for name, step in self.rivals.items():
            watch = Stopwatch(self.num_steps)
            for _ in range(self.num_steps):
                step()
            self.costs[name].append(watch.stop())
        if len(self.costs["ganworks"]) >= self.num_blocks + 2:  # two turns of warm-up
            trainer.should_stop = True
        self._watch.start()


def by_hand(task: AdversarialTask, batch: dict[str, Tensor]) -> dict[str, Callable[[], None]]:
    """Return the steps of the bare loops by name."""
    return {"example": Example(task, batch["real"]).step, "tuned": Tuned(task, batch["real"]).step}


def measure(
    overrides: list[str], num_steps: int, num_blocks: int, rivals: Callable[..., Any] = by_hand
) -> dict[str, list[Cost]]:
    """Return the cost of a step of each side in each turn, without the warm-up.

    Args:
        rivals: from a task and a batch to the steps of the other sides by name.
    """
    config = compose([*overrides, "num_images=1e9"])
    run = build_run(config)
    batch = next(iter(run.datamodule.train_dataloader()))
    turns = Turns(rivals(run.task, batch), num_steps, num_blocks)
    run.callbacks = [*run.callbacks, turns]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        (Path(folder) / "checkpoints").mkdir()
        build_trainer(config, run, Path(folder), time.time()).fit(run.task, run.datamodule)
    return {name: costs[2:] for name, costs in turns.costs.items()}


def row(ours: list[Cost], theirs: list[Cost]) -> list[str]:
    """Return the cells of one side: milliseconds, images a second, ratios and the difference of a step."""
    pairs = list(zip(ours, theirs, strict=True))
    wall = statistics.median(cost.wall for cost in theirs)
    return [
        f"{1e3 * wall:.2f}",
        f"{BATCH / wall:,.0f}",
        f"{statistics.median(other.wall / own.wall for own, other in pairs):.3f}",
        f"{statistics.median(other.cpu / own.cpu for own, other in pairs):.3f}",
        f"{statistics.median(1e3 * (own.cpu - other.cpu) for own, other in pairs):+.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, default=30)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    quieten()
    title = f"a step, {arguments.threads} thread(s), torch {torch.__version__}"
    table = Table(title=title, title_justify="left")
    columns = ("side", "ms", "images/s", "speed-up of ganworks", "by CPU time", "ganworks - side, CPU ms")
    for column in ("case", *columns):
        table.add_column(column, justify="left" if column in ("case", "side") else "right")
    for case, overrides in CASES.items():
        costs = measure([*COMMON, *PLAIN, *overrides], arguments.steps, arguments.blocks)
        for side, theirs in costs.items():
            table.add_row(case, side, *row(costs["ganworks"], theirs))
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
