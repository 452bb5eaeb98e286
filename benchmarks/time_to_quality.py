"""Seconds of training until fd_digits is 5: the default run against a plain DCGAN.

    python benchmarks/time_to_quality.py [--target 5] [--seeds 3] [--every 12800] [--threads 1]

Both sides train in one process, one after the other, on the same networks' classes and the same data. `plain` is the
loop of the DCGAN paper: BCE, Adam 2e-4 (.5, .999), batch norm in both networks, constant learning rate, the
generator itself sampled instead of its average. The clock stands still while samples are measured.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from ganworks.callback import measure
from ganworks.cli import resolvers
from ganworks.cli.build import build_run, build_trainer
from ganworks.cli.log import quieten
from ganworks.metric import Suite
from ganworks.model import DCGANDiscriminator, DCGANGenerator
from ganworks.sampler import Sampler

SHAPE = (1, 8, 8)


class StopAtTarget(pl.Callback):
    """Measure every so many images with the clock stopped; end the run at the target."""

    def __init__(self, suite: Suite, target: float, every: int) -> None:
        self.suite, self.target, self.every = suite, target, every
        self.seconds, self.reached = 0.0, False

    def on_train_start(self, trainer: pl.Trainer, task: Any) -> None:
        self._start = time.perf_counter()

    def on_train_batch_end(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        if task.images_seen % self.every:
            return
        self.seconds += time.perf_counter() - self._start
        figures = measure(self.suite, Sampler(task.ema_generator, {}), trainer.datamodule)
        self.reached = figures.values["fd_digits"] <= self.target
        trainer.should_stop = trainer.should_stop or self.reached
        self._start = time.perf_counter()


def default_run(seed: int, target: float, every: int) -> float:
    """Return the seconds of the default run until the target; infinity where it ends before."""
    overrides = ["experiment=digits_dcgan", f"seed={seed}", "trainer=cpu", "metric.every_images=1e9",
                 "callback.sample_grid.every_images=null", "callback.checkpoint.every_images=null"]  # fmt: skip
    with hydra.initialize_config_module("ganworks.conf", version_base="1.3"):
        config = hydra.compose("train", overrides)
    run = build_run(config)
    run.suite.prepare(run.datamodule)
    stop = StopAtTarget(run.suite, target, every)
    run.callbacks = [stop]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "checkpoints").mkdir()
        build_trainer(config, run, Path(folder), time.time()).fit(run.task, run.datamodule)
    return stop.seconds if stop.reached else float("inf")


def plain_loop(seed: int, target: float, every: int, suite: Suite, limit: float) -> float:
    """Return the seconds of the plain loop until the target, at most ``limit``."""
    torch.manual_seed(seed)
    generator, discriminator = (
        DCGANGenerator(SHAPE, width=32),
        DCGANDiscriminator(SHAPE, width=32, norm="batch"),
    )
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
        for network in (generator, discriminator)
    ]
    with hydra.initialize_config_module("ganworks.conf", version_base="1.3"):
        datamodule = hydra.utils.instantiate(hydra.compose("train", [f"seed={seed}"]).data)
    datamodule.setup()
    suite.prepare(datamodule)
    loss = nn.functional.binary_cross_entropy_with_logits
    one, zero = torch.ones(64), torch.zeros(64)
    seconds, images, loader = 0.0, 0, datamodule.train_dataloader()
    while seconds < limit:
        start = time.perf_counter()
        for batch in loader:
            optimizers[1].zero_grad()
            loss(discriminator(batch["real"]), one).backward()
            fake = generator(torch.randn(64, generator.latent_dim))
            loss(discriminator(fake.detach()), zero).backward()
            optimizers[1].step()
            optimizers[0].zero_grad()
            loss(discriminator(fake), one).backward()
            optimizers[0].step()
            images += 64
            if images % every == 0:
                seconds += time.perf_counter() - start
                figures = measure(suite, Sampler(generator, {}), datamodule)
                generator.train().requires_grad_(True)
                if figures.values["fd_digits"] <= target:
                    return seconds
                start = time.perf_counter()
        seconds += time.perf_counter() - start
    return float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", type=float, default=5.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--every", type=int, default=12_800, help="images between two measurements")
    parser.add_argument(
        "--limit", type=float, default=300, help="seconds after which the plain loop is given up"
    )
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    resolvers.register()
    quieten()
    with hydra.initialize_config_module("ganworks.conf", version_base="1.3"):
        suite = hydra.utils.instantiate(hydra.compose("train", []).metric)
    table = Table(title=f"seconds of training to fd_digits {arguments.target:g}", title_justify="left")
    for column in ("seed", "default run", "plain DCGAN", "share"):
        table.add_column(column, justify="right")
    shares = []
    for seed in range(arguments.seeds):
        ours = default_run(seed, arguments.target, arguments.every)
        plain = plain_loop(seed, arguments.target, arguments.every, suite, arguments.limit)
        shares.append(ours / plain if plain != float("inf") else ours / arguments.limit)
        words = f"{plain:.1f}" if plain != float("inf") else f"> {arguments.limit:.0f}"
        table.add_row(
            str(seed), f"{ours:.1f}", words, f"{'' if plain != float('inf') else '< '}{shares[-1]:.2f}"
        )
    table.add_row("median", "", "", f"{statistics.median(shares):.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
