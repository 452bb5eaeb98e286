"""The broken zoo: does the stability doctor name what is sick, and leave alone what is well?

    python benchmarks/doctor.py [--runs FOLDER] [--only WORDS] [--open] [--report | --calibrate | --cost]

Trains every kind of `doctor_zoo.py` with every seed in this process, one run after the other; FOLDER keeps what the
doctor saw in each run, so that a broken-off call goes on and thresholds are tried without training. Seeds
0 to 3 are for setting the thresholds (--open trains no others; --calibrate prints what each signal does in healthy and
in sick runs), seeds 4 to 7 for the figures.
Whether a run is sick is decided by what its generator draws in the end, not by its kind; a run whose outcome
contradicts its kind counts for neither side and is listed.
"""

from __future__ import annotations

import argparse
import contextlib
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
from doctor_report import HELD_OUT, OPEN, judged, print_calibration, print_cost, print_report
from doctor_zoo import KINDS, Kind
from pytorch_lightning.plugins.precision import MixedPrecision
from rich.console import Console

from ganworks.callback import Doctor, Evaluation
from ganworks.callback.summary import without_nan
from ganworks.data import Digits
from ganworks.metric import Suite, evaluate
from ganworks.metric.extractor.digits import load_digits_classifier
from ganworks.run.build import build_run, build_trainer
from ganworks.run.check import drop_leftovers
from ganworks.run.compose import compose
from ganworks.run.instantiate import make
from ganworks.run.log import quieten
from ganworks.sample.sampler import Sampler
from ganworks.task import NonFiniteLossError

COMMON = ["trainer=cpu", "callback.sample_grid=null", "callback.progress=null", "callback.checkpoint=null",
          "callback.doctor=null", "callback.report=null"]  # fmt: skip
EVERY_N_STEPS = 5  # some 125 looks a run; a run of the default length and interval has twice as many


class Recorder(Doctor):
    """The doctor, which writes down what it sees."""

    def __init__(self) -> None:
        super().__init__(every_n_steps=EVERY_N_STEPS)
        self.observations: list[tuple[int, dict[str, float]]] = []

    def _observe(self, trainer: Any, task: Any, signals: dict[str, float]) -> None:
        super()._observe(trainer, task, signals)
        self.observations.append((task.images_seen, signals))


def full_suite() -> Suite:
    """Return the metric of the digits with as many fakes as there are digits."""
    return make("metric", compose(["data=digits"]).metric)


class Outcome:
    """What a generator draws in the end, held against all of the true data."""

    def __init__(self) -> None:
        self.suites: dict[str, Suite] = {}

    def of(self, run: Any, seed: int) -> dict[str, float]:
        """Return the figures of ``run``'s generator, and the share of its samples with the class asked for."""
        generator, name = run.task.ema_generator, run.datamodule.name
        if any(not p.isfinite().all() for p in generator.parameters()):
            return {"finite": 0.0}
        if name not in self.suites:
            self.suites[name] = full_suite() if name == "digits" else run.suite
            self.suites[name].prepare(Digits() if name == "digits" else run.datamodule)
        figures = evaluate(self.suites[name], Sampler(generator, {}), run.datamodule)
        found = {"finite": 1.0, **figures.values}
        found |= {f"{name}/floor": value for name, value in figures.floor.items()}
        if generator.num_classes:
            label = torch.arange(500) % 10
            images = Sampler(generator, {}).sample(500, seed, label=label)
            found["right_class"] = float((load_digits_classifier()(images).argmax(1) == label).float().mean())
        return found


def train(kind: Kind, seed: int, outcome: Outcome) -> dict[str, Any]:
    """Train one run; return what the doctor saw and how it ended."""
    start, cpu_start = time.time(), time.process_time()
    config = compose([*COMMON, *kind.overrides, f"seed={seed}"])
    drop_leftovers(config)
    run = build_run(config)
    if kind.change is not None:
        kind.change(run)
    recorder = Recorder()
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
        "facts": asdict(recorder.diagnosis.setup) if recorder.diagnosis else {},
        "observations": recorder.observations,
        "seconds": round(time.time() - start, 1),
        "cpu_seconds": round(time.process_time() - cpu_start, 1),
    }


def train_all(folder: Path, seeds: list[int], only: str, console: Console) -> None:
    """Train what is missing in ``folder``, one seed of all kinds after the other."""
    outcome = Outcome()
    jobs = [(seed, name) for seed in seeds for name in KINDS if only in name]
    for number, (seed, name) in enumerate(jobs, 1):
        path = folder / f"{''.join(c if c.isalnum() else '_' for c in name)}.{seed}.json"
        if path.exists():
            continue
        found = without_nan(train(KINDS[name], seed, outcome))
        path.write_text(json.dumps({"kind": name, **found}))
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
    parser.add_argument("--runs", type=Path, default=Path("runs/doctor"))
    parser.add_argument("--only", default="", help="train the kinds with these words in their name")
    parser.add_argument(
        "--open", action="store_true", help="train the seeds that thresholds are set on alone"
    )
    for name in ("report", "calibrate", "cost"):
        parser.add_argument(f"--{name}", action="store_true", help="this alone, from the runs that are there")
    arguments = parser.parse_args()
    console = Console(width=140)
    torch.set_num_threads(1)
    quieten()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    if arguments.cost:
        return cost(console)
    if not (arguments.report or arguments.calibrate):
        seeds = [*OPEN, *([] if arguments.open else HELD_OUT)]
        train_all(arguments.runs, seeds, arguments.only, console)
    runs = [
        judged(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(arguments.runs.glob("*.json"))
    ]
    if arguments.calibrate:
        return print_calibration(runs, console)
    print_report(runs, console)


if __name__ == "__main__":
    main()
