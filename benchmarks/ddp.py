"""What two processes cost: bytes and time a step under each strategy, against stock DDP.

    python benchmarks/ddp.py [--blocks 8] [--cycles 3] [--cases dcgan,mlp]

Two processes on this machine train the same task, in turns of some generator updates (five discriminator steps each)
under each strategy; the table shows medians over the turns and the median of the paired ratios to stock DDP,
`ddp_find_unused_parameters_true`. Bytes are what one process hands to all-reduce per generator update, over the
ideal, five times the discriminator's gradient and once the generator's. They are counted in turns that are not timed.
Scaling is the images a second of both over those of one process that trains alone, in a turn of its own, on batches of
the same size; 2 is the most.
"""

from __future__ import annotations

import argparse
import gc
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

from ganworks.run.build import build_run
from ganworks.run.compose import compose
from ganworks.run.log import quieten
from ganworks.strategy import AdversarialDDPStrategy

N_CRITIC = 5
STOCK = "ddp_find_unused_parameters_true"
COMMON = ["metric=none", "trainer=cpu", "data=digits", "optimizer=adam", f"task.n_critic={N_CRITIC}"]
CASES = {
    "mlp": ["model=mlp", "data.resolution=32", "model.width=2000", "loss=bce", "data.batch_size=16"],
    "dcgan": ["model=dcgan", "data.resolution=32", "model.width=240", "loss=bce", "data.batch_size=4"],
}


def strategies() -> dict[str, Any]:
    return {
        STOCK: DDPStrategy(find_unused_parameters=True),
        "adversarial_ddp": AdversarialDDPStrategy(),
        "adversarial_ddp_backward": AdversarialDDPStrategy(mode="backward"),
    }


class Clock(pl.Callback):
    """Seconds per generator update, after one that warms up, and the bytes that were handed to all-reduce in it."""

    def __init__(self, num_cycles: int, is_counting: bool) -> None:
        self.num_cycles, self.is_counting = num_cycles, is_counting
        self.seconds = self.num_bytes = 0.0

    def on_train_start(self, trainer: pl.Trainer, task: Any) -> None:
        if self.is_counting and isinstance(trainer.strategy.model, torch.nn.parallel.DistributedDataParallel):
            trainer.strategy.model.register_comm_hook(None, lambda state, bucket: self._hook(bucket))

    def on_train_batch_end(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        if task.num_steps == N_CRITIC:
            if trainer.world_size > 1:
                dist.barrier()
            self._start, self.num_bytes = time.perf_counter(), 0
        if task.num_steps == N_CRITIC * (1 + self.num_cycles):
            self.seconds = (time.perf_counter() - self._start) / self.num_cycles
            trainer.should_stop = True

    def _hook(self, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:
        self.num_bytes += bucket.buffer().nbytes
        return allreduce_hook(None, bucket)

    def count(self, all_reduce: Any) -> Any:
        def counted(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
            self.num_bytes += tensor.nbytes
            return all_reduce(tensor, *args, **kwargs)

        return counted


def turn(
    overrides: list[str], strategy: Any, num_cycles: int, is_counting: bool = False, num: int = 2
) -> tuple[Clock, Any]:
    """Train for some generator updates on ``num`` processes under ``strategy``; return the clock and the task."""
    gc.collect()  # the turn before: its networks are held by cycles alone
    config = compose([*COMMON, *overrides, "num_images=1e9"])
    run, clock = build_run(config), Clock(num_cycles, is_counting)
    all_reduce = dist.all_reduce
    if is_counting and isinstance(strategy, AdversarialDDPStrategy):
        dist.all_reduce = clock.count(all_reduce)
    trainer = pl.Trainer(
        accelerator="cpu", devices=num, strategy=strategy, callbacks=[clock], logger=False, max_epochs=-1,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=10**9,
    )  # fmt: skip
    try:
        trainer.fit(run.task, run.datamodule)
    finally:
        dist.all_reduce = all_reduce
    return clock, run.task


def alone(overrides: list[str], num_cycles: int) -> float:
    """Return the seconds that the first process takes while the second one waits; of no meaning on that one."""
    seconds = turn(overrides, "auto", num_cycles, num=1)[0].seconds if dist.get_rank() == 0 else 1.0
    dist.barrier()
    return seconds


def measure(case: str, num_blocks: int, num_cycles: int) -> Table:
    """Return the table of a case."""
    share, seconds = {}, {name: [] for name in strategies()}
    for name, strategy in strategies().items():
        clock, task = turn(CASES[case], strategy, 1, is_counting=True)
        size = {role: sum(p.numel() for p in getattr(task, role).parameters()) for role in task.roles}
        ideal = 4 * (N_CRITIC * size["discriminator"] + size["generator"])
        share[name] = clock.num_bytes / ideal
    singles = []
    for _ in range(num_blocks):
        singles.append(alone(CASES[case], num_cycles))
        for name, strategy in strategies().items():
            seconds[name].append(turn(CASES[case], strategy, num_cycles)[0].seconds)
    title = f"{case}: {sum(size.values()) / 1e6:.1f} M parameters, {N_CRITIC} critic steps, torch {torch.__version__}"
    table = Table(title=title, title_justify="left")
    for column in ("strategy", "bytes / ideal", "ms per generator update", "time / stock", "scaling"):
        table.add_column(column, justify="left" if column == "strategy" else "right")
    for name, times in seconds.items():
        ratio = statistics.median(ours / stock for ours, stock in zip(times, seconds[STOCK], strict=True))
        scaling = statistics.median(2 * one / both for one, both in zip(singles, times, strict=True))
        cells = (
            f"{share[name]:.3f}",
            f"{1e3 * statistics.median(times):.0f}",
            f"{ratio:.3f}",
            f"{scaling:.2f}",
        )
        table.add_row(name, *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--cycles", type=int, default=3)
    parser.add_argument("--cases", default=",".join(CASES))
    arguments = parser.parse_args()
    if "LOCAL_RANK" not in os.environ:
        return start()
    torch.set_num_threads(1)
    quieten()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for case in arguments.cases.split(","):
            table = measure(case, arguments.blocks, arguments.cycles)
            if dist.get_rank() == 0:
                Console(width=110).print(table)
        os.chdir("/")


def start() -> None:
    """Start both processes and wait for them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    meeting = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1",
    }
    ranks = [
        subprocess.Popen([sys.executable, *sys.argv], env={**os.environ, **meeting, "LOCAL_RANK": str(rank)})
        for rank in range(2)
    ]
    sys.exit(max(rank.wait() for rank in ranks))


if __name__ == "__main__":
    main()
