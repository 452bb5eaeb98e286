"""Seconds of training until fd_digits is 5: the default run against a plain DCGAN.

    python benchmarks/time_to_quality.py [--target 5] [--seeds 3] [--every 12800] [--threads 1]

All sides train in one process, one after the other, on the same data. `plain DCGAN` is the paper's loop on the paper's
kind of networks, cut to 8x8: convolutions with batch norm, BCE, Adam 2e-4 (.5, .999), constant learning rate, the
generator itself sampled instead of its average. `same networks` is that loop on the networks of the default run, so
that what the networks and what the recipe bring can be told apart. The clock stands still while samples are measured.
"""

from __future__ import annotations

import argparse
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

from ganworks.metric import Suite, evaluate
from ganworks.model import DCGANDiscriminator, DCGANGenerator, Discriminator, Generator
from ganworks.model.dcgan import dcgan_init
from ganworks.run.build import build_run, build_trainer
from ganworks.run.compose import compose
from ganworks.run.log import quieten
from ganworks.sample.sampler import Sampler

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
        figures = evaluate(self.suite, Sampler(task.ema_generator, {}), trainer.datamodule)
        self.reached = figures.values["fd_digits"] <= self.target
        trainer.should_stop = trainer.should_stop or self.reached
        self._start = time.perf_counter()


def default_run(seed: int, target: float, every: int) -> float:
    """Return the seconds of the default run until the target; infinity where it ends before."""
    overrides = ["experiment=digits_dcgan", f"seed={seed}", "trainer=cpu", "metric.every_images=1e9",
                 "callback.sample_grid.every_images=null", "callback.checkpoint.every_images=null"]  # fmt: skip
    config = compose(overrides)
    run = build_run(config)
    run.suite.prepare(run.datamodule)
    stop = StopAtTarget(run.suite, target, every)
    run.callbacks = [stop]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "checkpoints").mkdir()
        build_trainer(config, run, Path(folder), time.time()).fit(run.task, run.datamodule)
    return stop.seconds if stop.reached else float("inf")


class PlainGenerator(Generator):
    """4x4x64 to 8x8x32 to the image, batch norm and ReLU between; weights from N(0, .02)."""

    def __init__(self) -> None:
        super().__init__(SHAPE, latent_dim=100)
        self.project = nn.Linear(100, 64 * 4 * 4, bias=False)
        self.layers = nn.Sequential(
            nn.BatchNorm2d(64), nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False),
            nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 1, 3, padding=1), nn.Tanh(),
        )  # fmt: skip
        self.apply(dcgan_init)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layers(self.project(latent).view(-1, 64, 4, 4))


class PlainDiscriminator(Discriminator):
    """8x8x32 to 4x4x64 to the logit, batch norm on the second layer, leaky ReLU; weights from N(0, .02)."""

    def __init__(self) -> None:
        super().__init__(SHAPE)
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64 * 4 * 4, 1), nn.Flatten(0),
        )  # fmt: skip
        self.apply(dcgan_init)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layers(x)


Networks = Callable[[], tuple[Generator, Discriminator]]
PLAIN: dict[str, Networks] = {
    "plain DCGAN": lambda: (PlainGenerator(), PlainDiscriminator()),
    "same networks": lambda: (
        DCGANGenerator(SHAPE, width=32, latent_dim=64),
        DCGANDiscriminator(SHAPE, width=32, norm="batch"),
    ),
}


def plain_loop(networks: Networks, seed: int, target: float, every: int, suite: Suite, limit: float) -> float:
    """Return the seconds of the plain loop until the target, infinity past ``limit``."""
    torch.manual_seed(seed)
    generator, discriminator = networks()
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
        for network in (generator, discriminator)
    ]
    datamodule = hydra.utils.instantiate(compose([f"seed={seed}"]).data)
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
                figures = evaluate(suite, Sampler(generator, {}), datamodule)
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
    quieten()
    suite = hydra.utils.instantiate(compose().metric)
    table = Table(title=f"seconds of training to fd_digits {arguments.target:g}", title_justify="left")
    for column in ("seed", "default run", *(word for name in PLAIN for word in (name, "default / it"))):
        table.add_column(column, justify="right")
    shares: dict[str, list[float]] = {name: [] for name in PLAIN}
    for seed in range(arguments.seeds):
        ours = default_run(seed, arguments.target, arguments.every)
        row = [str(seed), f"{ours:.1f}"]
        for name, networks in PLAIN.items():
            plain = plain_loop(networks, seed, arguments.target, arguments.every, suite, arguments.limit)
            shares[name].append(ours / min(plain, arguments.limit))
            row += [f"{plain:.1f}", f"{shares[name][-1]:.2f}"]
        table.add_row(*row)
    medians = [word for name in PLAIN for word in ("", f"{statistics.median(shares[name]):.2f}")]
    table.add_row("median", "", *medians)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
