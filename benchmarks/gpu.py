"""What a GPU makes of the networks: is it right there, and how quick is it.

    python benchmarks/gpu.py [--device cuda|cpu] [--minutes 9] [--out FOLDER] [--toy] [--only PART ...]

First correctness: the gradients of a step on the device against those on the CPU, a resumed run against an
uninterrupted one to the bit, bf16 and fp16 without an overflow, compiled code against eager. Then images a second and
memory of the recipes, each eager in float32, in bf16 with channels last, compiled, and with CUDA graphs, with the share
of Lightning, the kernels that a step launches and the share of a step in which the GPU waits for one.

Every part stands alone: what fails costs its own row, and says why. What was found is written after each part to
FOLDER/gpu.json and FOLDER/gpu.md, so that a run which is cut off keeps its rows; no part begins after the minutes.
The pictures are enlarged digits: data that needs no file, and no loader that the GPU waits for.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from rich.console import Console
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
from precision import bare_steps, count_kernels, endless, synchronize

from ganworks.noise import keyed_rng
from ganworks.run.build import build_run, build_trainer
from ganworks.run.compose import compose
from ganworks.run.log import quieten
from ganworks.run.resume import resume
from ganworks.run.speed import compile_networks
from ganworks.run.start import start

Row = dict[str, Any]
QUIET = ["metric=none", "callback=basic", "callback.sample_grid.every_images=null", "num_images=1e9",
         "callback.checkpoint.every_images=null", "trainer.log_every_n_steps=1000000", "logger=csv"]  # fmt: skip


def images(resolution: int, batch_size: int, channels: int = 3) -> list[str]:
    """Return the overrides for enlarged digits in the place of a data set."""
    return ["data=digits", f"data.resolution={resolution}", f"data.channels={channels}",
            f"data.batch_size={batch_size}", "data.min_batches=1"]  # fmt: skip


TINY_R3GAN = ["model.width=16", "model.num_blocks=1", "model.generator.latent_dim=8"]
TINY_STYLE = ["model.width=8", "model.generator.latent_dim=8", "model.generator.w_dim=8",
              "model.generator.num_mapping=1", "model.discriminator.num_mapping=1"]  # fmt: skip
# By name: the overrides at the published size, and those of a toy that a CPU runs in a moment. A data set among the
# overrides takes the place of the recipe's.
CASES: dict[str, tuple[list[str], list[str]]] = {
    "dcgan64": (
        ["model=dcgan", "model.width=64", *images(64, 256)],
        ["model=dcgan", "model.width=4", *images(16, 4)],
    ),
    "sngan_cifar10": (
        ["experiment=sngan_cifar10", *images(32, 64)],
        ["experiment=sngan_cifar10", "model.width=2", *images(32, 4)],
    ),
    "stylegan2_ada_cifar10": (
        ["experiment=stylegan2_ada_cifar10", *images(32, 64)],
        ["experiment=stylegan2_ada_cifar10", *TINY_STYLE, *images(16, 4)],
    ),
    "stylegan2_ffhq256": (
        ["experiment=stylegan2_ffhq256", *images(256, 64)],
        ["experiment=stylegan2_ffhq256", *TINY_STYLE, *images(16, 4), "model.discriminator.group_size=4"],
    ),
    "r3gan_cifar10": (
        ["experiment=r3gan_cifar10", *images(32, 256)],
        ["experiment=r3gan_cifar10", *TINY_R3GAN, *images(16, 4)],
    ),
    "r3gan_ffhq64": (
        ["experiment=r3gan_ffhq64", *images(64, 64)],
        ["experiment=r3gan_ffhq64", *TINY_R3GAN, *images(16, 4)],
    ),
}
# A compiled pass has no second derivative: penalties take a pass of their own, which is eager.
APART = ["task.share_forward=false"]
SIDES: dict[str, list[str]] = {
    "eager float32": ["trainer.precision=32-true", "channels_last=false"],
    "bf16, channels last": ["trainer.precision=bf16-mixed", "channels_last=true"],
    "bf16, channels last, compiled": ["trainer.precision=bf16-mixed", "channels_last=true", *APART],
    "bf16, channels last, CUDA graphs": ["trainer.precision=bf16-mixed", "channels_last=true", *APART],
}
COMPILED: dict[str, dict[str, Any]] = {
    "bf16, channels last, compiled": {},
    "bf16, channels last, CUDA graphs": {"mode": "reduce-overhead"},
}


@dataclass(frozen=True)
class Settings:
    """What the command was asked for.

    Args:
        device: "cuda" or "cpu".
        is_toy: small networks, a few steps.
        num_steps: steps that are timed.
    """

    device: str
    is_toy: bool
    num_steps: int

    @property
    def accelerator(self) -> str:
        return "trainer.accelerator=" + ("gpu" if self.device == "cuda" else "cpu")

    def overrides(self, case: str) -> list[str]:
        """Return the overrides of a case at its published size or as a toy."""
        published, toy = CASES[case]
        return [*QUIET, *(toy if self.is_toy else published), self.accelerator]


# Correctness


def gradients(task: Any, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the gradients of one step's terms by name of the parameter."""
    found = {}
    for role, terms_of in (("discriminator", task.discriminator_terms), ("generator", task.generator_terms)):
        task.zero_grad(set_to_none=True)
        torch.stack(tuple(terms_of(dict(batch)).values())).sum().backward()
        found |= {
            f"{role}.{name}": parameter.grad
            for name, parameter in task.players[role].named_parameters()
            if parameter.grad is not None
        }
    return found


def drawn(task: Any, num: int, example: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a batch of ``num`` samples with its noise, on the CPU."""
    noise = task.draw_noise(num, lambda name: keyed_rng(0, "gpu", name))
    fields = {name: value[:1].expand(num, *value.shape[1:]).clone() for name, value in example.items()}
    fields["real"] = torch.randn(fields["real"].shape, generator=keyed_rng(0, "gpu", "real")).clamp(-1, 1)
    return {**fields, **noise}


def deviation(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    """Return the largest difference between gradients as a share of the largest gradient of their network."""
    worst = 0.0
    for role in ("generator", "discriminator"):
        names = [name for name in first if name.startswith(role)]
        scale = max(first[name].abs().max().item() for name in names)
        worst = max(worst, *((first[n] - second[n].to(first[n])).abs().max().item() / scale for n in names))
    return worst


def step_agrees(case: str, settings: Settings) -> Row:
    """Compare the gradients of a step on the device with those on the CPU, in float64 and in float32."""
    _, toy = CASES[case]
    run = build_run(compose([*QUIET, *toy, "trainer.accelerator=cpu", "channels_last=false"]))
    task, row = run.task, {}
    batch = drawn(task, 8, run.datamodule.example())
    for dtype in (torch.float64, torch.float32):
        here = copy.deepcopy(task).to(dtype)
        there = copy.deepcopy(task).to(dtype).to(settings.device)
        cast = {
            name: value.to(dtype) if value.is_floating_point() else value for name, value in batch.items()
        }
        moved = {name: value.to(settings.device) for name, value in cast.items()}
        found = {name: gradient.cpu() for name, gradient in gradients(there, moved).items()}
        row[str(dtype).removeprefix("torch.")] = deviation(gradients(here, cast), found)
    return {**row, "ok": row["float64"] < 1e-5 and row["float32"] < 1e-3}


def resumes_to_the_bit(settings: Settings) -> Row:
    """Compare the weights of a resumed run with those of an uninterrupted one."""
    common = ["experiment=digits_dcgan", "metric=none", "callback=basic", "callback.sample_grid.every_images=null",
              "num_images=2560", "trainer.deterministic=true", settings.accelerator]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        whole, parts = Path(folder) / "whole", Path(folder) / "parts"
        start(compose(common), whole, launched_at=0.0)
        start(compose([*common, "trainer.max_steps=17"]), parts, launched_at=0.0)
        resume(str(parts), ["trainer.max_steps=-1"], launched_at=0.0)
        first, second = (
            torch.load(run / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
            for run in (whole, parts)
        )
    state, other = first["state_dict"], second["state_dict"]
    different = [name for name in state if not torch.equal(state[name], other[name])]
    same_length = first["time"] == second["time"]
    return {"tensors": len(state), "different": len(different), "ok": not different and same_length}


def stays_finite(case: str, precision: str, settings: Settings) -> Row:
    """Train some steps in half precision and look for what is not finite."""
    timed = timed_run(case, [f"trainer.precision={precision}"], settings, num_warm_up=0)
    bad = sum(int((~torch.isfinite(p)).any()) for p in timed.task.parameters())
    return {"steps": settings.num_steps, "tensors not finite": bad, "ok": bad == 0}


def compiled_equals_eager(case: str, settings: Settings) -> Row:
    """Compare the gradients of a step of compiled networks with those of eager ones."""
    _, toy = CASES[case]
    run = build_run(compose([*QUIET, *toy, *APART, "trainer.accelerator=cpu", "channels_last=false"]))
    batch = {
        name: value.to(settings.device)
        for name, value in drawn(run.task, 8, run.datamodule.example()).items()
    }
    eager, compiled = (copy.deepcopy(run.task).to(settings.device) for _ in range(2))
    torch._dynamo.reset()
    compile_networks(compiled)
    found = deviation(gradients(eager, batch), gradients(compiled, batch))
    return {"float32": found, "ok": found < 1e-3}


# Speed


class Clock(pl.Callback):
    """Time some steps of a real run, and as many without the trainer around them."""

    def __init__(self, num_steps: int, num_warm_up: int, profiled: bool) -> None:
        self.num_steps, self.num_warm_up, self.profiled = num_steps, num_warm_up, profiled
        self.wall = self.bare = self.device_time = self.num_kernels = self.memory = 0.0
        self._taken = 0

    def on_train_start(self, trainer: pl.Trainer, task: Any) -> None:
        self._stream: Iterator[Any] = endless(trainer)
        self._begin(task)

    def on_train_batch_end(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        self._taken += 1
        if self._taken == self.num_warm_up:
            if task.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            self._begin(task)
        if self._taken < self.num_warm_up + self.num_steps:
            return
        self.wall = self._end(task)
        if task.device.type == "cuda":
            self.memory = torch.cuda.max_memory_allocated() / 2**30
        steps = partial(bare_steps, trainer, task, self._stream, self.num_steps)
        self._begin(task)
        steps()
        self.bare = self._end(task)
        if self.profiled and task.device.type == "cuda":
            counted = count_kernels(task, steps)
            self.num_kernels, self.device_time = (each / self.num_steps for each in counted)
        trainer.should_stop = True

    def _begin(self, task: Any) -> None:
        synchronize(task)
        self._since = time.perf_counter()

    def _end(self, task: Any) -> float:
        synchronize(task)
        return (time.perf_counter() - self._since) / self.num_steps


@dataclass(frozen=True)
class Timed:
    """A run that was timed."""

    clock: Clock
    task: Any
    batch_size: int


def timed_run(
    case: str,
    overrides: list[str],
    settings: Settings,
    num_warm_up: int = 3,
    compiled: dict[str, Any] | None = None,
) -> Timed:
    """Train a case for some steps.

    Args:
        compiled: options of `torch.compile`; None trains eagerly.
    """
    config = compose([*settings.overrides(case), *overrides])
    run = build_run(config)
    if compiled is not None:
        torch._dynamo.reset()
        compile_networks(run.task, **compiled)
    clock = Clock(settings.num_steps, num_warm_up, profiled=compiled is None or not compiled)
    run.callbacks = [clock]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        build_trainer(config, run, Path(folder), time.time()).fit(run.task, run.datamodule)
    return Timed(clock, run.task, run.datamodule.batch_size)


def speed(case: str, side: str, settings: Settings) -> Row:
    """Return images a second, memory, and what a step is made of."""
    timed = timed_run(case, SIDES[side], settings, 1 if settings.is_toy else 5, COMPILED.get(side))
    clock = timed.clock
    row = {
        "batch": timed.batch_size,
        "ms": 1e3 * clock.wall,
        "images/s": timed.batch_size / clock.wall,
        "Lightning": 1 - clock.bare / clock.wall,
    }
    if clock.memory:
        row["GiB"] = clock.memory
    if clock.num_kernels:
        row |= {"kernels": clock.num_kernels, "GPU waits": 1 - clock.device_time / clock.wall}
    return row


# The command


def parts(settings: Settings) -> dict[str, Callable[[], Row]]:
    """Return what is measured, in its order, by name."""
    found: dict[str, Callable[[], Row]] = {}
    for case in CASES:
        found[f"step equals the CPU's: {case}"] = partial(step_agrees, case, settings)
    found["resume to the bit: digits_dcgan"] = partial(resumes_to_the_bit, settings)
    for case in CASES:
        for precision in ("bf16-mixed", "16-mixed"):
            if settings.device == "cuda" or precision == "bf16-mixed":
                found[f"finite in {precision}: {case}"] = partial(stays_finite, case, precision, settings)
    for case in CASES:
        found[f"compiled equals eager: {case}"] = partial(compiled_equals_eager, case, settings)
    for side in SIDES:
        if side not in COMPILED or settings.device == "cuda":
            for case in CASES:
                found[f"speed, {side}: {case}"] = partial(speed, case, side, settings)
    return found


def measured(part: Callable[[], Row]) -> Row:
    """Return the row of a part, or why there is none."""
    began = time.perf_counter()
    try:
        row = part()
    except Exception as error:
        row = {"failed": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300]}
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return {**row, "seconds": time.perf_counter() - began}


def write(rows: dict[str, Row], out: Path, device: str) -> str:
    """Write what was found so far as JSON and as Markdown; return the latter."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "gpu.json").write_text(json.dumps({"device": device, "rows": rows}, indent=1))
    lines = [f"{device}, torch {torch.__version__}", "", "| part | found |", "|---|---|"]
    lines += [
        f"| {name} | {', '.join(cell(key, value) for key, value in row.items())} |"
        for name, row in rows.items()
    ]
    text = "\n".join(lines) + "\n"
    (out / "gpu.md").write_text(text)
    return text


def cell(key: str, value: Any) -> str:
    """Return a figure with its name."""
    if isinstance(value, bool):
        return "ok" if value else "NOT OK"
    if key in ("Lightning", "GPU waits"):
        return f"{key} {100 * value:.0f} %"
    if isinstance(value, float):
        return f"{key} {value:.2g}" if value < 1 else f"{key} {value:,.1f}"
    return f"{key} {value}"


def main(arguments: list[str] | None = None) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=["cuda", "cpu"], default=device)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--out", type=Path, default=Path("gpu"))
    parser.add_argument("--toy", action="store_true", help="small networks and few steps, for a CPU")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument(
        "--only", nargs="*", default=[], help="parts whose names have one of these texts in them"
    )
    given = parser.parse_args(arguments)
    quieten()
    settings = Settings(given.device, given.toy, 2 if given.toy else given.steps)
    name = torch.cuda.get_device_name() if given.device == "cuda" else "CPU"
    began, rows, console = time.perf_counter(), {}, Console()
    for part, call in parts(settings).items():
        if given.only and not any(text in part for text in given.only):
            continue
        if time.perf_counter() - began > 60 * given.minutes:
            rows[part] = {"failed": "no time left"}
        else:
            rows[part] = measured(call)
        console.print(part, rows[part], highlight=False)
        text = write(rows, given.out, name)
    console.print(text)


if __name__ == "__main__":
    main()
