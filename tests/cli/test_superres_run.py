"""The experiment of super-resolution as a user runs it: it trains, shows a picture, resumes, is measured and tuned."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Result, call
from ganworks.cli import tune
from ganworks.run import compose as composing
from ganworks.tuning.check import checked
from ganworks.tuning.settings import read_settings
from pairs import TRAIN
from running import checkpoint, differences

STEPS = 50
SETTINGS = (
    "experiment=digits_superres", f"num_images={64 * STEPS}", "model.width=24", "trainer=cpu", "~callback.report",
    "metric.num_samples=200", "metric.every_images=1600", "callback.checkpoint.every_images=1600",
    "callback.sample_grid.num=16", "trainer.log_every_n_steps=5",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty steps; not to be changed."""
    run_dir = tmp_path_factory.mktemp("superres") / "run"
    assert call("train", *SETTINGS, f"hydra.run.dir={run_dir}") == 0
    return run_dir


def test_fifty_steps_are_better_than_the_sources_and_show_their_picture(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    source = summary["baselines"]["source"]
    assert summary["metrics"]["psnr"] > source["psnr"] + 0.5
    assert summary["metrics"]["fd_digits"] < source["fd_digits"] / 2
    assert "psnr" not in summary["floor"]
    pictures = sorted((run / "samples").iterdir())
    assert pictures[-1].name == f"{64 * STEPS:012d}.png"
    pixels = np.asarray(Image.open(pictures[-1]))
    assert pixels.shape[0] > 3 * 50  # three rows
    assert not np.array_equal(pixels, np.asarray(Image.open(pictures[0])))


def test_it_resumes_to_the_bit(run: Path, tmp_path: Path) -> None:
    assert call("train", *SETTINGS, f"hydra.run.dir={tmp_path / 'run'}", "trainer.max_steps=20") == 0
    assert call("train", f"resume={tmp_path / 'run'}", "trainer.max_steps=-1") == 0
    whole, resumed = checkpoint(run), checkpoint(tmp_path / "run")
    assert differences(whole["state_dict"], resumed["state_dict"]) == []
    assert differences(whole["optimizer_states"], resumed["optimizer_states"]) == []


def test_it_is_measured_again_to_the_same_figures(run: Path, ganworks: Callable[..., Result]) -> None:
    result = ganworks("evaluate", f"run={run}", "out=figures.json")
    assert result.code == 0, result.err
    again = json.loads(Path("figures.json").read_text())["values"]
    assert again == pytest.approx(json.loads((run / "summary.json").read_text())["metrics"], rel=1e-5)
    assert "source" in result.out


def test_a_new_run_starts_from_its_weights(run: Path, ganworks: Callable[..., Result]) -> None:
    result = ganworks("train", *SETTINGS, f"init_from={run}", "num_images=64", "hydra.run.dir=next")
    assert result.code == 0, result.err
    with Path("next/metrics.csv").open(encoding="utf-8") as file:
        first = next(row for row in csv.DictReader(file) if row.get("metric/psnr"))
    assert first["images_seen"] == "0"
    figures = json.loads((run / "summary.json").read_text())["metrics"]
    assert float(first["metric/psnr"]) == pytest.approx(figures["psnr"], rel=1e-4)


def test_one_override_leaves_l1_alone(ganworks: Callable[..., Result]) -> None:
    settings = (*SETTINGS, "num_images=640", "task.phases.reconstruction.share=1", "hydra.run.dir=alone")
    assert ganworks("train", *settings).code == 0
    header = Path("alone/metrics.csv").read_text().splitlines()[0]
    assert "train/generator/l1" in header
    assert "adversarial" not in header


def test_two_devices_train_the_same_losses(run: Path, tmp_path: Path) -> None:
    settings = (*SETTINGS, "num_images=1280", "trainer.devices=2", "data.batch_size=32", "metric=none")
    command = [*TRAIN, *settings, f"hydra.run.dir={tmp_path / 'two'}"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    assert json.loads((tmp_path / "two" / "summary.json").read_text())["status"] == "finished"
    one = tmp_path / "one"
    assert call("train", *SETTINGS, "num_images=1280", "metric=none", f"hydra.run.dir={one}") == 0
    first, second = (checkpoint(each)["state_dict"] for each in (one, tmp_path / "two"))
    worst = max(float((first[name].float() - second[name].float()).abs().max()) for name in first)
    assert worst < 0.02  # one global batch: float32 sums in another order, through Adam


def test_its_weights_of_terms_can_be_searched(tmp_path: Path) -> None:
    (tmp_path / "tune").mkdir()
    (tmp_path / "tune" / "superres.yaml").write_text(
        "# @package _global_\nobjective: fd_digits\ndirection: minimize\nnum_trials: 2\n"
        "fixed: [experiment=digits_superres, num_images=6_400]\n"
        "space:\n  task.l1: { log: [1, 100] }\n  model.discriminator.pair.weight: { log: [0.1, 10] }\n"
    )
    own, others, flags = tune.split(["--config-dir", str(tmp_path), "tune=superres"])
    settings = read_settings(composing.compose(own, "tune", flags[1:]), others, flags)
    assert checked(settings).num_images == 6_400
