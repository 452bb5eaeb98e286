"""The broken zoo: does the stability doctor name what is sick, and leave alone what is well?

    python benchmarks/doctor.py [--zoo digits|fashion] [--runs FOLDER] [--only WORDS] [--open] [--seeds NUMBER ...]
        [--report | --calibrate | --cost]

Trains every kind of `doctor_zoo.py` (digits and mixtures) or `doctor_fashion.py` (Fashion-MNIST at 32x32) with every
seed in this process, one run after the other; FOLDER keeps what the doctor saw in each run, so that a broken-off call
goes on and thresholds are tried without training. Seeds 0 to 3 are for setting the thresholds (--open trains no others;
--calibrate prints what each signal does in healthy and in sick runs), seeds 4 to 7 for the figures. Two calls with
other --seeds can share a folder.
Whether a run is sick is decided by what its generator draws in the end, not by its kind; a run whose outcome
contradicts its kind counts for neither side and is listed.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import json
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from doctor_report import HELD_OUT, OPEN, ZOOS, judged, print_calibration, print_cost, print_report
from doctor_zoo import Kind
from pytorch_lightning.plugins.precision import MixedPrecision
from rich.console import Console

from ganworks.callback import Doctor, Evaluation
from ganworks.callback.summary import without_nan
from ganworks.data.samples import Samples
from ganworks.doctor import Setup
from ganworks.metric import Suite, evaluate
from ganworks.run.build import build_run, build_trainer
from ganworks.run.check import drop_leftovers
from ganworks.run.compose import compose
from ganworks.run.instantiate import make
from ganworks.run.log import quieten
from ganworks.sample.sampler import Sampler
from ganworks.task import NonFiniteLossError

COMMON = ["trainer=cpu", "callback.sample_grid=null", "callback.progress=null", "callback.checkpoint=null",
          "callback.doctor=null", "callback.report=null"]  # fmt: skip


class Recorder(Doctor):
    """The doctor, which writes down what it sees."""

    def __init__(self, every_n_steps: int) -> None:
        super().__init__(every_n_steps=every_n_steps)
        self.observations: list[tuple[int, dict[str, float]]] = []

    def _observe(self, trainer: Any, task: Any, signals: dict[str, float]) -> None:
        super()._observe(trainer, task, signals)
        self.observations.append((task.images_seen, signals))


# What a generator is judged by in the end, whatever its run measured: the true data, and the metric with more fakes.
JUDGED_BY = {
    "digits": ["data=digits"],  # as many fakes as there are digits
    "fashion_mnist": ["data=fashion_mnist", "metric=fashion", "metric.num_samples=2_000", "metric.num_reals=4_000",
                      "~metric.measure.kid_fashion"],
}  # fmt: skip


class Outcome:
    """What a generator draws in the end, held against the true data."""

    def __init__(self) -> None:
        self.suites: dict[str, Suite] = {}
        self.samples: dict[str, Samples] = {}

    def suite_of(self, run: Any) -> Suite:
        """Return the suite that judges ``run``, with the features of the true data."""
        name = run.datamodule.name
        if name not in self.suites:
            if name in JUDGED_BY:
                config = compose(JUDGED_BY[name])
                self.suites[name], data = make("metric", config.metric), make("data", config.data)
            else:
                self.suites[name], data = run.suite, run.datamodule
            self.suites[name].prepare(data)
        return self.suites[name]

    def of(self, run: Any, seed: int) -> dict[str, float]:
        """Return the figures of ``run``'s generator, and the share of its samples with the class asked for."""
        generator = run.task.ema_generator
        if any(not p.isfinite().all() for p in generator.parameters()):
            return {"finite": 0.0}
        suite = self.suite_of(run)
        figures = evaluate(suite, Sampler(generator, {}), run.datamodule)
        found = {"finite": 1.0, **figures.values}
        found |= {f"{name}/floor": value for name, value in figures.floor.items()}
        if generator.num_classes:
            label = torch.arange(500) % 10
            images = Sampler(generator, {}).sample(500, seed, label=label)
            says = suite.extractors[suite.learned or ""](images).logits.argmax(1)
            found["right_class"] = float((says == label).float().mean())
        return found


def train(kind: Kind, seed: int, outcome: Outcome) -> dict[str, Any]:
    """Train one run; return what the doctor saw and how it ended."""
    start, cpu_start = time.time(), time.process_time()
    config = compose([*COMMON, *kind.overrides, f"seed={seed}"])
    drop_leftovers(config)
    run = build_run(config)
    if config.data.get("root"):  # what is read from files is read once
        if run.datamodule.name not in outcome.samples:
            outcome.samples[run.datamodule.name] = run.datamodule.samples
        run.datamodule._samples = outcome.samples[run.datamodule.name]
    if kind.change is not None:
        kind.change(run)
    recorder = Recorder(kind.every_n_steps)
    run.callbacks = [*run.callbacks, recorder]
    diverged_at = None
    with tempfile.TemporaryDirectory() as folder:
        trainer = build_trainer(config, run, Path(folder), start)
        if kind.half:
            scaler = torch.amp.GradScaler("cpu")
            trainer.strategy.precision_plugin = MixedPrecision("16-mixed", "cpu", scaler)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                trainer.fit(run.task, run.datamodule)
        except NonFiniteLossError:
            diverged_at = run.task.images_seen
        if trainer.interrupted and diverged_at is None:  # by Ctrl-C: half a run tells nothing
            raise KeyboardInterrupt
    evaluation = next(c for c in trainer.callbacks if isinstance(c, Evaluation))  # type: ignore[attr-defined]
    return {
        "seed": seed,
        "num_images": config.num_images,
        "images_seen": run.task.images_seen,
        "diverged_at": diverged_at,
        "outcome": outcome.of(run, seed),
        "own_figures": evaluation.figures.values if evaluation.figures else {},
        "facts": facts_of(recorder.diagnosis.setup) if recorder.diagnosis else {},
        "observations": recorder.observations,
        "seconds": round(time.time() - start, 1),
        "cpu_seconds": round(time.process_time() - cpu_start, 1),
    }


def facts_of(setup: Setup) -> dict[str, Any]:
    """Return the fields of a setup in the types that a file can have."""
    return {**asdict(setup), "settings": sorted(setup.settings or ())}


def file_of(folder: Path, name: str, seed: int) -> Path:
    """Return the file that keeps a run."""
    return folder / f"{''.join(c if c.isalnum() else '_' for c in name)}.{seed}.json"


def train_all(folder: Path, kinds: dict[str, Kind], seeds: list[int], console: Console) -> None:
    """Train what is missing in ``folder``, one seed of all kinds after the other."""
    outcome = Outcome()
    jobs = [(seed, name) for seed in seeds for name in kinds]
    for number, (seed, name) in enumerate(jobs, 1):
        path = file_of(folder, name, seed)
        if path.exists():
            continue
        found = without_nan(train(kinds[name], seed, outcome))
        gc.collect()  # trainer and callbacks know each other
        path.write_text(json.dumps({"kind": name, **found}), encoding="utf-8")
        shown = {k: round(v, 3) for k, v in found["outcome"].items() if "/" not in k and math.isfinite(v)}
        console.print(
            f"{number}/{len(jobs)} {name}, seed {seed}: {found['cpu_seconds']} s CPU, {shown}",
            highlight=False,
        )


class Clock(pl.Callback):
    """Take the CPU time of the steps alone, the first few left out, and of what the doctor does within them."""

    def __init__(self, doctor: TimedDoctor, num_skipped: int = 50) -> None:
        self.doctor, self.num_skipped = doctor, num_skipped

    def on_train_batch_start(self, trainer: Any, task: Any, *args: object) -> None:
        if task.num_steps == self.num_skipped:
            self.start, self.doctor.seconds = time.process_time(), 0.0

    def on_train_batch_end(self, trainer: Any, task: Any, *args: object) -> None:
        if task.num_steps > self.num_skipped:
            self.seconds, self.num_steps = time.process_time() - self.start, task.num_steps - self.num_skipped


class TimedDoctor(Doctor):
    """The doctor, with the CPU time of all that it does in a step added up."""

    seconds = 0.0


def timed(name: str) -> Callable[..., None]:
    """Return the hook ``name`` of the doctor with a clock around it."""

    def hook(self: TimedDoctor, *args: Any) -> None:
        start = time.process_time()
        getattr(Doctor, name)(self, *args)
        self.seconds += time.process_time() - start

    return hook


for name in ("on_train_batch_start", "on_before_optimizer_step", "on_train_batch_end"):
    setattr(TimedDoctor, name, timed(name))


def cost(console: Console, num_looks: int = 8) -> None:
    """Print what the doctor costs at its default interval: its own CPU time over that of the steps without it."""
    cases = {
        "ring, MLP, width 128": ("experiment=grid_r3gan", "data=ring"),
        "digits 8x8, width 32": ("experiment=digits_dcgan",),
        "DCGAN-32, width 32": ("data=digits", "data.resolution=32", "model.width=32"),
    }
    print_cost({case: clocked(overrides, 50 * (num_looks + 1)) for case, overrides in cases.items()}, console)


def clocked(overrides: tuple[str, ...], steps: int) -> tuple[float, float]:
    """Return the CPU seconds of a step and of the doctor in it, over ``steps``."""
    off = ("sample_grid", "progress", "checkpoint", "report", "doctor")
    config = compose([*overrides, *(f"~callback.{name}" for name in off), "metric=none", "trainer=cpu"])
    config.num_images = config.data.batch_size * steps
    drop_leftovers(config)
    run, doctor = build_run(config), TimedDoctor(every_n_steps=config.trainer.log_every_n_steps)
    clock = Clock(doctor)
    run.callbacks = [*run.callbacks, doctor, clock]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        build_trainer(config, run, Path(folder), time.time()).fit(run.task, run.datamodule)
    return (clock.seconds - doctor.seconds) / clock.num_steps, doctor.seconds / clock.num_steps


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--zoo", default="digits", choices=ZOOS)
    parser.add_argument(
        "--runs", type=Path, help="default: runs/doctor for the digits, else runs/doctor_NAME"
    )
    parser.add_argument("--only", default="", help="train the kinds with these words in their name")
    parser.add_argument(
        "--open", action="store_true", help="train the seeds that thresholds are set on alone"
    )
    parser.add_argument("--seeds", nargs="+", type=int, help="train these alone")
    for name in ("report", "calibrate", "cost"):
        parser.add_argument(f"--{name}", action="store_true", help="this alone, from the runs that are there")
    arguments = parser.parse_args()
    console = Console(width=140)
    torch.set_num_threads(1)
    quieten()
    if arguments.cost:
        return cost(console)
    folder = arguments.runs or Path(
        "runs/doctor" if arguments.zoo == "digits" else f"runs/doctor_{arguments.zoo}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    if not (arguments.report or arguments.calibrate):
        seeds = arguments.seeds or [*OPEN, *([] if arguments.open else HELD_OUT)]
        kinds = {name: kind for name, kind in ZOOS[arguments.zoo].items() if arguments.only in name}
        train_all(folder, kinds, seeds, console)
    runs = [judged(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]
    if arguments.calibrate:
        return print_calibration(runs, console)
    print_report(runs, console)


if __name__ == "__main__":
    main()
