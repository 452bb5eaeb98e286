"""Studies of real Optuna trials, filled in as the workers of a search do."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

RANGES = {
    "optimizer.generator.lr": FloatDistribution(1e-4, 2e-2, log=True),
    "lr_D/lr_G": FloatDistribution(0.25, 8, log=True),
    "beta1": CategoricalDistribution([0.0, 0.5]),
    "regularizer": CategoricalDistribution(["none", "r1"]),
    "regularizer.r1.weight": FloatDistribution(0.01, 100, log=True),
}
NUM_IMAGES, RUNGS = 48_000, 8


def study_of(num_trials: int, direction: str = "minimize", **facts: Any) -> optuna.Study:
    """Return a study in memory with ``num_trials`` ended trials of two workers; every third one was pruned."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(study_name="digits_lr", direction=direction)
    for name, fact in {
        "name": "digits_lr",
        "metric": "fd_digits",
        "direction": direction,
        "num_images": NUM_IMAGES,
        "num_trials": 40,
        "command": "python tune.py tune=digits_lr",
        **facts,
    }.items():
        study.set_user_attr(name, fact)
    rng, clock = random.Random(0), [datetime(2026, 1, 1, 12), datetime(2026, 1, 1, 12)]
    for number in range(num_trials):
        study.add_trial(trial(number, rng, clock))
    return study


def trial(number: int, rng: random.Random, clock: list[datetime]) -> optuna.trial.FrozenTrial:
    """Return the trial of a number: finished, or pruned at its second rung, or ended in one of the bad ways."""
    params: dict[str, Any] = {
        "optimizer.generator.lr": 10 ** rng.uniform(-4, -1.7),
        "lr_D/lr_G": 2 ** rng.uniform(-2, 3),
        "beta1": rng.choice([0.0, 0.5]),
        "regularizer": rng.choice(["none", "r1"]),
    }
    if params["regularizer"] == "r1":
        params["regularizer.r1.weight"] = 10 ** rng.uniform(-2, 2)
    end = 2 + abs(math.log10(params["optimizer.generator.lr"]) + 2.7) * 20 + rng.random()
    status = "pruned" if number % 3 == 2 else "finished"
    status = {6: "diverged", 9: "crashed", 12: "collapsed"}.get(number, status)
    num = {"pruned": 2, "diverged": 3, "crashed": 0}.get(status, RUNGS)
    curve = {NUM_IMAGES * r // RUNGS: end * (1 + 4 / r) + rng.random() for r in range(1, num + 1)}
    worker = number % 2
    start, seconds = clock[worker], 12 * max(num, 1) / RUNGS
    clock[worker] = start + timedelta(seconds=seconds + 1)
    values = {"finished": end, "pruned": None}.get(status, 500.0)
    made = optuna.create_trial(
        state=TrialState.PRUNED if status == "pruned" else TrialState.COMPLETE,
        value=values,
        params=params,
        distributions={name: RANGES[name] for name in params},
        intermediate_values=curve,
        user_attrs={
            "status": status,
            "overrides": [f"{name}={value}" for name, value in params.items()],
            "run_dir": f"trials/{number:04d}",
            "images_seen": max(curve, default=0),
            "worker": f"host:{100 + worker}",
            "seconds": seconds,
            "error": "RuntimeError: out of memory" if status == "crashed" else None,
        },
    )
    made.datetime_start, made.datetime_complete = start, clock[worker]
    return made
