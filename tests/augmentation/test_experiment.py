"""`experiment=digits_imbalanced` trains fifty steps, shows its samples, resumes to the bit, on two devices too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from conftest import Result, call
from running import checkpoint, differences

TINY = ("experiment=digits_imbalanced", "trainer=cpu", "num_images=800", "data.batch_size=16", "model.width=8",
        "metric.num_samples=64", "callback.sample_grid.num=20", "callback.checkpoint.every_images=160",
        "~callback.report")  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the experiment, fifty steps."""
    run_dir = tmp_path_factory.mktemp("imbalanced") / "run"
    assert call("train", *TINY, f"hydra.run.dir={run_dir}") == 0
    return run_dir


def test_fifty_steps_end_with_a_picture_and_figures_against_held_out_digits(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "finished"
    assert summary["contract"]["num_real"] == 901
    assert sorted(summary["data"]["per_class"]) == [5] * 5 + [80] * 5
    assert min(Image.open(sorted((run / "samples").glob("*.png"))[-1]).size) > 50


def test_resumed_run_equals_the_uninterrupted_one(run: Path, tmp_path: Path) -> None:
    assert call("train", *TINY, f"hydra.run.dir={tmp_path / 'run'}", "trainer.max_steps=20") == 0
    assert call("train", f"resume={tmp_path / 'run'}", "trainer.max_steps=-1") == 0
    whole, resumed = checkpoint(run), checkpoint(tmp_path / "run")
    assert differences(whole["state_dict"], resumed["state_dict"]) == []
    assert differences(whole["optimizer_states"], resumed["optimizer_states"]) == []


def test_fakes_are_worth_something_to_a_classifier_by_the_metric_of_it(
    run: Path, ganworks: Callable[..., Result]
) -> None:
    result = ganworks("evaluate", f"run={run}", "metric=image_accuracy", "metric.num_samples=100")
    assert result.code == 0, result.err
    assert "classifier_accuracy_mixed" in result.out
    assert ganworks("sample", f"run={run}", "label=3", "num=4").code == 0


def test_two_devices_train_together(tmp_path: Path) -> None:
    assert call("train", *TINY, "trainer.devices=2", f"hydra.run.dir={tmp_path / 'run'}") == 0
