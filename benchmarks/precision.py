"""What precision, compilation and memory format do to a training step, and what Lightning's loop costs around it.

    python benchmarks/precision.py [--device cpu|gpu] [--turns 8] [--steps 10] [--cases NAME,...] [--all]

Each side trains beside the first one in one process, in turns of some steps; the table shows medians over the turns
and the median of the paired ratios to the first side, by the clock and by the CPU time of this process, which a busy
machine disturbs less. A side is a real run: networks, loader and trainer are those of `train.py`. bf16-mixed is left
out on CPUs without instructions for it, where it is several times slower; `--all` measures it nevertheless.

`Lightning` is the share of a step that is gone when the same steps are made by a bare loop: the same loader, hooks,
`training_step` and autocast without the trainer around them. On a GPU two more columns come from PyTorch's profiler:
the number of kernels that a step launches, and the share of the step in which the GPU has none to work on because the
next one is not launched yet.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import os
import statistics
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from rich.console import Console
from rich.table import Table
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from ganworks.run.build import build_run, build_trainer
from ganworks.run.compose import compose
from ganworks.run.log import quieten
from ganworks.task import AdversarialTask

COMMON = ["metric=none", "callback=basic", "callback.sample_grid.every_images=null", "num_images=1e9",
          "callback.checkpoint.every_images=null", "trainer.log_every_n_steps=1000000", "data=digits",
          "optimizer=adam", "loss=bce"]  # fmt: skip
CASES = {
    "cpu": {
        "dcgan32": ["model=dcgan", "data.resolution=32", "model.width=64", "data.batch_size=64"],
        "dcgan8": ["model=dcgan", "data.resolution=8", "model.width=32", "data.batch_size=64"],
    },
    "gpu": {
        "dcgan64": ["model=dcgan", "data.resolution=64", "data.channels=3", "model.width=64",
                    "data.batch_size=256"],
        "resnet128": ["model=resnet", "data.resolution=128", "data.channels=3", "model.width=64",
                      "data.batch_size=64"],
    },
}  # fmt: skip
NUM_WARM_UP = 2  # turns; the first one compiles


@dataclass(frozen=True)
class Side:
    """One way to compute."""

    precision: str
    is_compiled: bool
    channels_last: bool

    @property
    def overrides(self) -> list[str]:
        flags = {"compile": self.is_compiled, "channels_last": self.channels_last}
        settings = [f"{name}={str(value).lower()}" for name, value in flags.items()]
        return [f"trainer.precision={self.precision}", *settings]

    def __str__(self) -> str:
        words = ("compiled" if self.is_compiled else "eager", "channels last" if self.channels_last else "")
        return ", ".join(word for word in (self.precision, *words) if word)


@dataclass
class Costs:
    """Seconds of a step, by turn."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)  # by the clock on a GPU, CPU time on a CPU
    num_kernels: float = 0.0
    device: float = 0.0  # seconds that the GPU works in a step


class Relay:
    """Lets one of several threads work at a time, round after round."""

    def __init__(self, num: int) -> None:
        self._turns = [threading.Semaphore(index == 0) for index in range(num)]

    def begin(self, index: int) -> None:
        self._turns[index].acquire()

    def end(self, index: int) -> None:
        self._turns[(index + 1) % len(self._turns)].release()


class Turns(pl.Callback):
    """Hand over to the next side after every ``num_steps`` steps, and as many without the trainer."""

    def __init__(self, relay: Relay, index: int, num_steps: int, num_turns: int) -> None:
        self.relay, self.index = relay, index
        self.num_steps, self.num_turns, self.costs = num_steps, num_turns + NUM_WARM_UP, Costs()
        self._taken = 0

    def on_train_start(self, trainer: pl.Trainer, task: Any) -> None:
        self._stream = endless(trainer)
        self._start(task)

    def on_train_batch_end(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        self._taken += 1
        if self._taken % self.num_steps:
            return
        wall, cpu = self._stop(task)
        self._start(task)
        self._bare_steps(trainer, task)
        self.costs.wall.append(wall)
        self.costs.cpu.append(cpu)
        self.costs.bare.append(self._stop(task)[0 if task.device.type == "cuda" else 1])
        if len(self.costs.wall) == self.num_turns:
            if task.device.type == "cuda":
                self._count_kernels(trainer, task)
            trainer.should_stop = True
            return
        self.relay.end(self.index)
        self.relay.begin(self.index)
        self._start(task)

    def _start(self, task: Any) -> None:
        synchronize(task)
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def _stop(self, task: Any) -> tuple[float, float]:
        synchronize(task)
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return wall / self.num_steps, cpu / self.num_steps

    def _bare_steps(self, trainer: pl.Trainer, task: AdversarialTask) -> None:
        bare_steps(trainer, task, self._stream, self.num_steps)

    def _count_kernels(self, trainer: pl.Trainer, task: Any) -> None:
        counted = count_kernels(task, lambda: self._bare_steps(trainer, task))
        self.costs.num_kernels, self.costs.device = (each / self.num_steps for each in counted)


def bare_steps(trainer: pl.Trainer, task: Any, stream: Iterator[Any], num: int) -> None:
    """Make steps without the trainer around them."""
    for index in range(num):
        batch = trainer.strategy.batch_to_device(next(stream))
        task.on_train_batch_start(batch, index)
        with trainer.precision_plugin.train_step_context():
            task.training_step(batch, index)


def count_kernels(task: Any, steps: Callable[[], None]) -> tuple[float, float]:
    """Return how many kernels ``steps`` launch, and the seconds that the GPU works on them."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found:
        steps()
        synchronize(task)
    kernels = [event for event in found.key_averages() if event.device_type == DeviceType.CUDA]
    seconds = 1e-6 * sum(event.self_device_time_total for event in kernels)
    return sum(event.count for event in kernels), seconds


def endless(trainer: pl.Trainer) -> Iterator[Any]:
    """Yield the batches of a second loader of the run's data."""
    datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
    loader = datamodule.make_loader(datamodule._order(), passes=1)
    while True:
        yield from loader


def synchronize(task: Any) -> None:
    """Wait for a GPU."""
    if task.device.type == "cuda":
        torch.cuda.synchronize()


def train(side: Side, turns: Turns, overrides: list[str]) -> None:
    """Train one side, whenever it is its turn."""
    try:
        turns.relay.begin(turns.index)
        torch.set_num_threads(1)
        config = compose([*COMMON, *overrides, *side.overrides])
        run = build_run(config)
        run.callbacks = [turns]
        with tempfile.TemporaryDirectory() as folder:
            build_trainer(config, run, Path(folder), time.time()).fit(run.task, run.datamodule)
        turns.relay.end(turns.index)
    except BaseException:  # the other threads would wait for this one
        traceback.print_exc()
        os._exit(1)


def measure(sides: list[Side], overrides: list[str], num_steps: int, num_turns: int) -> list[Costs]:
    """Return what a step of each side costs, without the warm-up."""
    relay = Relay(len(sides))
    callbacks = [Turns(relay, index, num_steps, num_turns) for index in range(len(sides))]
    threads = [
        threading.Thread(target=train, args=(side, turns, overrides))
        for side, turns in zip(sides, callbacks, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):  # each run would print its summary
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for turns in callbacks:
        for times in (turns.costs.wall, turns.costs.cpu, turns.costs.bare):
            del times[:NUM_WARM_UP]
    return [turns.costs for turns in callbacks]


def measure_pairs(
    sides: list[Side], overrides: list[str], num_steps: int, num_turns: int
) -> list[tuple[Costs, Costs]]:
    """Return for each side what a step of the first one cost beside it, and one of its own."""
    pairs = []
    for side in sides:
        # Compiled code is kept by function, and all sides have the same: together they would be more than
        # torch.compile keeps (`recompile_limit`), and what is beyond that runs eagerly.
        torch._dynamo.reset()
        beside = [sides[0]] if side == sides[0] else [sides[0], side]
        costs = measure(beside, overrides, num_steps, num_turns)
        pairs.append((costs[0], costs[-1]))
    return pairs


def ratio(times: list[float], others: list[float]) -> float:
    """Return the median of the paired ratios."""
    return statistics.median(a / b for a, b in zip(times, others, strict=True))


def row(first: Costs, costs: Costs, batch_size: int) -> list[str]:
    """Return the cells of one side."""
    wall = statistics.median(costs.wall)
    cells = [f"{1e3 * wall:.1f}", f"{batch_size / wall:,.0f}", f"{ratio(first.wall, costs.wall):.2f}"]
    whole = costs.wall if costs.num_kernels else costs.cpu
    cells += [f"{ratio(first.cpu, costs.cpu):.2f}", f"{100 * (1 - ratio(costs.bare, whole)):.1f} %"]
    if costs.num_kernels:
        idle = 1 - costs.device / wall
        cells += [f"{costs.num_kernels:,.0f}", f"{100 * idle:.0f} %"]
    return cells


def choose(device: str, wants_all: bool) -> list[Side]:
    """Return the sides that make sense on the device; the first one is what the others are compared with."""
    has_bf16 = device == "gpu" or torch.cpu._is_avx512_bf16_supported()
    precisions = ["32-true", "bf16-mixed"] if has_bf16 or wants_all else ["32-true"]
    return [Side(*choice) for choice in itertools.product(precisions, (False, True), (False, True))]


def print_table(case: str, sides: list[Side], pairs: list[tuple[Costs, Costs]], batch_size: int) -> None:
    """Print what the sides of a case cost."""
    is_gpu = bool(pairs[0][1].num_kernels)
    device = torch.cuda.get_device_name() if is_gpu else "one CPU thread"
    title = f"{case}, batch {batch_size}, {device}, torch {torch.__version__}"
    table = Table(title=title, title_justify="left")
    columns = ["side", "ms", "images/s", "speed-up", "by CPU time", "Lightning"]
    for column in [*columns, *(["kernels", "GPU waits"] if is_gpu else [])]:
        table.add_column(column, justify="left" if column == "side" else "right")
    for side, (first, own) in zip(sides, pairs, strict=True):
        table.add_row(str(side), *row(first, own, batch_size))
    Console(width=120).print(table)


def main() -> None:
    device = "gpu" if torch.cuda.is_available() else "cpu"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=["cpu", "gpu"], default=device)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--cases", default="", help="names, with commas between; all of the device")
    parser.add_argument(
        "--all", action="store_true", help="bf16 also where the CPU has no instructions for it"
    )
    arguments = parser.parse_args()
    quieten()
    cases, sides = CASES[arguments.device], choose(arguments.device, arguments.all)
    for case in filter(None, arguments.cases.split(",")) if arguments.cases else cases:
        overrides = [f"trainer.accelerator={arguments.device}", *cases[case]]
        pairs = measure_pairs(sides, overrides, arguments.steps, arguments.turns)
        print_table(case, sides, pairs, int(overrides[-1].partition("=")[2]))


if __name__ == "__main__":
    main()
