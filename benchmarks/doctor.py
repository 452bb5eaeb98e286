"""The broken zoo: does the stability doctor name what is sick, and leave alone what is well?

    python benchmarks/doctor.py [--seeds 4] [--runs FOLDER] [--only WORDS] [--report | --calibrate | --cost]

Trains every kind of `doctor_zoo.py` with every seed in this process, one run after the other; FOLDER keeps what the
doctor saw in each run, so that a broken-off call goes on and thresholds are tried without training. Even seeds are for
setting the thresholds (--calibrate prints what each signal does in healthy and in sick runs), odd ones for the figures.
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
from dataclasses import asdict
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
import torch
from doctor_report import print_calibration, print_cost, print_report
from doctor_zoo import KINDS, Kind
from pytorch_lightning.plugins.precision import MixedPrecision
from rich.console import Console

from ganworks.callback import Doctor, Evaluation
from ganworks.callback.summary import without_nan
from ganworks.cli import resolvers
from ganworks.cli.build import build_run, build_trainer, make
from ganworks.cli.check import drop_leftovers
from ganworks.cli.log import quieten
from ganworks.data import Digits
from ganworks.metric import Suite, measure
from ganworks.metric.digits import load_digits_classifier
from ganworks.sampler import Sampler
from ganworks.task import NonFiniteLossError

COMMON = ["trainer=cpu", "callback.sample_grid=null", "callback.progress=null", "callback.checkpoint=null",
          "callback.doctor=null", "callback.report=null"]  # fmt: skip
NUM_EVALUATIONS = 6
EVERY_N_STEPS = 10


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
    with hydra.initialize_config_module("ganworks.conf", version_base="1.3"):
        return make("metric", hydra.compose("train", ["data=digits"]).metric)


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
        figures = measure(self.suites[name], Sampler(generator, {}), run.datamodule)
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
    with hydra.initialize_config_module("ganworks.conf", version_base="1.3"):
        config = hydra.compose("train", [*COMMON, *kind.overrides, f"seed={seed}"])
    config.metric.every_images = config.num_images // NUM_EVALUATIONS
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
    evaluation = next(c for c in trainer.callbacks if isinstance(c, Evaluation))  # type: ignore[attr-defined]
    return {
        "seed": seed,
        "num_images": config.num_images,
        "images_seen": run.task.images_seen,
        "diverged_at": diverged_at,
        "outcome": outcome.of(run, seed),
        "own_figures": evaluation.figures.values if evaluation.figures else {},
        "facts": asdict(recorder.diagnosis.facts) if recorder.diagnosis else {},
        "observations": recorder.observations,
        "seconds": round(time.time() - start, 1),
        "cpu_seconds": round(time.process_time() - cpu_start, 1),
    }


def train_all(folder: Path, seeds: int, only: str, console: Console) -> None:
    """Train what is missing in ``folder``, one seed of all kinds after the other."""
    outcome = Outcome()
    jobs = [(seed, name) for seed in range(seeds) for name in KINDS if only in name]
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
    """Take the CPU time of the steps alone, the first few left out."""

    def __init__(self, num_skipped: int = 10) -> None:
        self.num_skipped = num_skipped

    def on_train_batch_start(self, trainer: Any, task: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == self.num_skipped:
            self.start = time.process_time()

    def on_train_batch_end(self, trainer: Any, task: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx >= self.num_skipped:
            self.seconds = (time.process_time() - self.start) / (batch_idx + 1 - self.num_skipped)


def cost(console: Console, num_blocks: int = 12) -> None:
    """Print what the doctor costs at its default interval: runs with and without it, in turns."""
    cases = {
        "digits 8x8, width 32": (("experiment=digits_dcgan",), 210),
        "DCGAN-32, width 32": (("data=digits", "data.resolution=32", "model.width=32"), 110),
    }
    found: dict[str, list[tuple[float, float]]] = {}
    for case, (overrides, steps) in cases.items():
        found[case] = [
            tuple(fit(overrides, steps, doctor) for doctor in (False, True)) for _ in range(num_blocks)
        ]  # type: ignore[misc]
    print_cost(found, console)


def fit(overrides: tuple[str, ...], steps: int, has_doctor: bool) -> float:
    """Return the CPU seconds of a step, over ``steps`` in one Lightning epoch."""
    quiet = [
        "~callback.sample_grid",
        "~callback.progress",
        "~callback.checkpoint",
        "metric=none",
        "~callback.report",
    ]
    with hydra.initialize_config_module("ganworks.conf", version_base="1.3"):
        arguments = [
            *overrides,
            *quiet,
            "trainer=cpu",
            f"num_images={64 * steps}",
            f"data.min_batches={steps}",
        ]
        config = hydra.compose("train", arguments if has_doctor else [*arguments, "~callback.doctor"])
    drop_leftovers(config)
    run, clock = build_run(config), Clock()
    run.callbacks = [*run.callbacks, clock]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        build_trainer(config, run, Path(folder), time.time()).fit(run.task, run.datamodule)
    return clock.seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--runs", type=Path, default=Path("runs/doctor"))
    parser.add_argument("--only", default="", help="train the kinds with these words in their name")
    for name in ("report", "calibrate", "cost"):
        parser.add_argument(f"--{name}", action="store_true", help="this alone, from the runs that are there")
    arguments = parser.parse_args()
    console = Console(width=140)
    torch.set_num_threads(1)
    resolvers.register()
    quieten()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    if arguments.cost:
        return cost(console)
    if not (arguments.report or arguments.calibrate):
        train_all(arguments.runs, arguments.seeds, arguments.only, console)
    runs = [json.loads(path.read_text()) for path in sorted(arguments.runs.glob("*.json"))]
    if arguments.calibrate:
        return print_calibration(runs, console)
    print_report(runs, console)


if __name__ == "__main__":
    main()
