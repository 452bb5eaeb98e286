"""What sharding saves and what it costs: memory and time of two processes with and without it.

    python benchmarks/sharding.py [--width 4000] [--cycles 5]

Two processes train the same large perceptrons under each strategy, with Adam and a gradient penalty in every second
step. `kept` is what one process holds between two steps: its part of weights, averaged weights and optimizer states.
`peak` is the most that it held at a time in the steps after the first, beyond what it held before there were networks:
resident memory on CPUs, PyTorch's own count on GPUs.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from rich.console import Console
from rich.table import Table
from torch import Tensor

from ganworks.run.build import build_run
from ganworks.run.compose import compose
from ganworks.run.log import quieten
from ganworks.task.player import local

STRATEGIES = ("adversarial_ddp", "adversarial_fsdp")
GIGABYTE = 2**30
SETTINGS = ["metric=none", "data=digits", "model=mlp", "data.resolution=32", "data.batch_size=16", "optimizer=adam",
            "loss=bce", "regularizer=r1", "regularizer.r1.every=2", "num_images=1e9"]  # fmt: skip
IS_GPU = torch.cuda.device_count() > 1


class Meter(pl.Callback):
    """Memory and time of the steps after the first."""

    def __init__(self, num_cycles: int) -> None:
        self.num_cycles, self.before = num_cycles, held()
        self.found: dict[str, float] = {}

    def on_train_batch_end(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        if task.num_steps == 1:
            reset_peak()
            dist.barrier()
            self._start = time.perf_counter()
        elif task.num_steps == 1 + self.num_cycles:
            seconds = (time.perf_counter() - self._start) / self.num_cycles
            states = [
                value for o in trainer.optimizers for state in o.state.values() for value in state.values()
            ]
            kept = size([*task.parameters(), *states])
            self.found = {"kept": kept, "peak": peak() - self.before, "ms": 1e3 * seconds}
            self.found["parameters"] = sum(p.numel() for p in task.parameters() if p.requires_grad)
            trainer.should_stop = True


def size(tensors: Iterable[Tensor]) -> float:
    """Return the bytes of this process's parts."""
    return sum(local(tensor.detach()).nbytes for tensor in tensors)


def held() -> float:
    """Return the bytes that this process holds."""
    return torch.cuda.memory_allocated() if IS_GPU else 1024 * status("VmRSS")


def peak() -> float:
    """Return the most bytes that it held since `reset_peak`."""
    return torch.cuda.max_memory_allocated() if IS_GPU else 1024 * status("VmHWM")


def reset_peak() -> None:
    """Begin to count anew."""
    if IS_GPU:
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")


def status(name: str) -> int:
    """Return a number in kB of Linux's /proc/self/status."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def train(strategy: str, width: int, num_cycles: int, out: str) -> None:
    """Be one of two processes."""
    torch.set_num_threads(1)
    quieten()
    accelerator = "gpu" if IS_GPU else "cpu"
    config = compose([*SETTINGS, f"model.width={width}"])
    meter = Meter(num_cycles)
    run = build_run(config)
    trainer = pl.Trainer(
        accelerator=accelerator, devices=2, strategy=strategy, callbacks=[meter], logger=False, max_epochs=-1,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=10**9,
    )  # fmt: skip
    trainer.fit(run.task, run.datamodule)
    if trainer.is_global_zero:
        Path(out).write_text(json.dumps(meter.found))


def measure(strategy: str, width: int, num_cycles: int) -> dict[str, float]:
    """Return what the first of two processes found."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "NODE_RANK": "0"}
    meeting["MALLOC_MMAP_THRESHOLD_"] = str(2**20)  # what is freed goes back to the system
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        command = [sys.executable, __file__, "--rank", strategy, str(width), str(num_cycles), str(out)]
        environments = [{**os.environ, **meeting, "LOCAL_RANK": str(rank)} for rank in range(2)]
        processes = [subprocess.Popen(command, env=environment) for environment in environments]
        codes = [process.wait() for process in processes]
        if any(codes):
            sys.exit(1)
        return json.loads(out.read_text(encoding="utf-8"))


def main() -> None:
    if sys.argv[1:2] == ["--rank"]:
        strategy, width, num_cycles, out = sys.argv[2:]
        return train(strategy, int(width), int(num_cycles), out)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=4000)
    parser.add_argument("--cycles", type=int, default=5)
    arguments = parser.parse_args()
    found = {name: measure(name, arguments.width, arguments.cycles) for name in STRATEGIES}
    num = found[STRATEGIES[0]]["parameters"] / 1e6
    title = f"two processes, {num:.0f} M parameters and their average, torch {torch.__version__}"
    table = Table(title=title, title_justify="left")
    for column in ("strategy", "kept, GB", "peak, GB", "ms a step"):
        table.add_column(column, justify="left" if column == "strategy" else "right")
    for name, row in found.items():
        sizes = [f"{row[key] / GIGABYTE:.2f}" for key in ("kept", "peak")]
        table.add_row(name, *sizes, f"{row['ms']:,.0f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
