"""Runs of `benchmarks/faults.py`: small ones of many kinds, begun, watched, resumed, and held against a whole one."""

# ruff: noqa: E501  a kind of run a line
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ganworks.logger import read_metrics

COMMON = (
    "data=digits",
    "model.width=8",
    "trainer=cpu",
    "num_images=6400",
    "trainer.log_every_n_steps=7",
    "callback.checkpoint.every_images=640",
    "metric.num_samples=64",
)
LOOKED_AT = ("metric.every_images=1280",)
KINDS: dict[str, tuple[str, ...]] = {
    "bce": ("loss=bce", "metric=none"),
    "wgan_gp": ("loss=wgan_gp", "metric=none"),
    "hinge, spectral, conditional": ("loss=hinge", "model.conditional=true", "model.discriminator.norm=spectral", "metric=none"),
    "r3gan, evaluated": ("loss=r3gan", "optimizer=r3gan", *LOOKED_AT),
    "r1 lazily, averaged": ("loss=minimax", "regularizer=r1", "regularizer.r1.every=4", "task.ema.half_life=500", "metric=none"),
    "accumulated, clipped": ("loss=lsgan", "task.accumulate=2", "task.gradient_clip=1.0", "metric=none"),
    "augmented, evaluated": ("loss=bce", "augment=diffaugment", *LOOKED_AT),
    "relativistic, often looked at": ("loss=relativistic", "callback.sample_grid.every_images=320", "metric=none"),
    "critic of five, evaluated": ("loss=wgan", "task.n_critic=5", *LOOKED_AT),
    "without doctor and report": ("loss=hinge", "callback=basic", "metric=none"),
}  # fmt: skip
PATIENCE = 300.0  # seconds after which a run hangs


@dataclass
class Run:
    """One command and what it leaves, in a folder of its own with its own place for temporary files."""

    folder: Path
    settings: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def path(self) -> Path:
        """The run directory."""
        return self.folder / "run"

    def begin(self) -> Run:
        """Start the command; go on with its run where it has a checkpoint, and begin it anew where it has none."""
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        arguments = [f"resume={self.path}"]
        if not (self.path / "checkpoints" / "last.ckpt").exists():
            shutil.rmtree(self.path, ignore_errors=True)
            arguments = [*COMMON, *self.settings, f"hydra.run.dir={self.path}"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(self.folder / "tmp"), "WANDB_MODE": "offline", **self.environment}  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "ganworks.cli.train", *arguments]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)  # fmt: skip
        return self

    def when(self, happened: Callable[[], object], seconds: float = PATIENCE) -> bool:
        """Wait until something has happened; return False where the command ended before."""
        deadline = time.monotonic() + seconds
        while self.alive and time.monotonic() < deadline:
            if happened():
                return True
            time.sleep(0.002)
        return False

    def ended(self, seconds: float = PATIENCE) -> int | None:
        """Return the exit code; None where the command hangs, which ends it."""
        assert self.process is not None
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return None

    @property
    def alive(self) -> bool:
        """Whether the command is still there."""
        return self.process is not None and self.process.poll() is None

    def trains(self) -> bool:
        """Say whether training has begun and gone a little way."""
        return len(read_metrics(self.path / "metrics.csv")) > 1

    def summary(self) -> dict[str, Any]:
        """Return summary.json; empty where there is none."""
        path = self.path / "summary.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def text(self) -> str:
        """Return all that was printed."""
        return (self.folder / "log").read_text(errors="replace")

    def children(self, word: str = "") -> list[int]:
        """Return the processes that this one has started and whose command line holds ``word``."""
        assert self.process is not None
        found = (
            Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
            .read_text(encoding="utf-8")
            .split()
        )
        lines = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in found}
        return [pid for pid, line in lines.items() if word in line]


def lost(whole: Run, other: Run) -> list[str]:
    """Return what differs between a run that was never interrupted and one that was, and what it left behind."""
    found = []
    one, two = (
        torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=True) for run in (whole, other)
    )
    found += [name for name in ("state_dict", "optimizer_states", "time") if not same(one[name], two[name])]
    if str(rows(whole)) != str(rows(other)):  # NaN equals itself here
        found.append("metrics.csv")
    if episodes(whole) != episodes(other):
        found.append("the doctor's episodes")
    return [*found, *left_behind(other)]


def rows(run: Run) -> list[dict[str, float]]:
    """Return metrics.csv without what a clock has measured."""
    clocks = ("second", "memory", "speed")
    return [{n: v for n, v in row.items() if not any(c in n for c in clocks)} for row in read_metrics(run.path / "metrics.csv")]  # fmt: skip


def episodes(run: Run) -> list[Any]:
    """Return the doctor's episodes."""
    return list((run.summary().get("doctor") or {}).get("episodes") or ())


def left_behind(run: Run) -> list[str]:
    """Return the half-written and temporary files of a run that has ended."""
    half = [path.name for path in run.path.rglob(".*.staged*")]
    passing = [
        path.name for path in (run.folder / "tmp").rglob("*") if path.is_file() and "wandb" not in path.name
    ]
    return [f"left: {name}" for name in [*half, *passing]]


def same(one: Any, two: Any) -> bool:
    """Say whether two trees of tensors and plain values are equal to the bit."""
    if isinstance(one, dict):
        return isinstance(two, dict) and one.keys() == two.keys() and all(same(one[k], two[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(one, two, strict=True))
    return torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two
