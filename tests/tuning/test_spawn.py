"""The search works where processes cannot be forked, as on Windows and macOS: trials are spawned."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from ganworks.cli.train import train_here
from ganworks.tuning import process
from ganworks.tuning.worker import Worker
from searching import settings_of, study_of

TRIAL = {
    "num_trials": 1,
    "top_k": 0,
    "fixed": [
        *("data=ring", "experiment=null", "trainer=cpu", "model.width=8", "num_images=640"),
        *("metric.num_samples=64", "callback=basic", "callback.sample_grid.every_images=null"),
    ],
    "objective": "high_quality",
    "direction": "maximize",
}


def spawned(preferred: str) -> Any:
    """Return what `ganworks.system.start_context` returns outside of Linux."""
    return multiprocessing.get_context("spawn")


def test_trial_that_is_spawned_is_trained_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "start_context", spawned)
    settings = settings_of(tmp_path, **TRIAL)
    Worker(settings, train_here, lambda: False).run()
    (trial,) = study_of(settings).trials
    assert (trial.state, trial.user_attrs["status"]) == (TrialState.COMPLETE, "finished")
