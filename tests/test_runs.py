"""Whole runs held against each other to the bit: determinism, resume, kills, signals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ganworks.errors import SettingError
from ganworks.logger import read_metrics
from running import checkpoint, differences, train, train_apart, train_on

RECIPES = {
    "bce": ["loss=bce"],
    "wgan_gp": ["loss=wgan_gp"],
    "conditional": ["loss=hinge", "model.conditional=true", "task.ema.half_life=500"],
    "augmented": ["loss=r3gan", "augment=diffaugment", "optimizer=r3gan"],
}
STATE = ("state_dict", "optimizer_states", "time")


def assert_same_state(first: Path, second: Path) -> None:
    """Compare weights, EMA, optimizers and counters of two runs' last checkpoints."""
    one, other = checkpoint(first), checkpoint(second)
    assert differences({key: one[key] for key in STATE}, {key: other[key] for key in STATE}) == []


@pytest.mark.parametrize("recipe", ["bce", "augmented"])
def test_two_runs_with_one_seed_are_equal_to_the_bit(recipe: str, tmp_path: Path) -> None:
    for name in ("first", "second"):
        train(tmp_path / name, "num_images=1280", *RECIPES[recipe])
    assert_same_state(tmp_path / "first", tmp_path / "second")


def test_runs_with_two_seeds_differ(tmp_path: Path) -> None:
    for seed in (0, 1):
        train(tmp_path / str(seed), "num_images=640", f"seed={seed}")
    one, other = checkpoint(tmp_path / "0"), checkpoint(tmp_path / "1")
    assert differences(one["state_dict"], other["state_dict"])


def test_pictures_and_evaluations_do_not_change_the_training(tmp_path: Path) -> None:
    train(tmp_path / "plain", "num_images=1280")
    looks = [
        "metric=digits",
        "metric.num_samples=64",
        "metric.every_images=256",
        "callback.sample_grid.every_images=128",
    ]
    train(tmp_path / "looked at", "num_images=1280", *looks)
    assert_same_state(tmp_path / "plain", tmp_path / "looked at")


@pytest.mark.parametrize("recipe", RECIPES)
def test_resumed_run_equals_uninterrupted_run(recipe: str, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    # One schedule for both: the first half ends early by a limit, not by a shorter horizon. 1,920 images are
    # 30 batches: the end of a generator turn for n_critic=5, and in the middle of an epoch.
    overrides = [*RECIPES[recipe], "num_images=3840", "trainer.log_every_n_steps=7"]
    train(whole, *overrides)
    updates = 30 // (5 if recipe == "wgan_gp" else 1)
    outcome = train(parts, *overrides, f"trainer.max_steps={updates}")
    assert outcome.status == "stopped"
    assert checkpoint(parts)["time"]["images_seen"] == 1920
    train_on(parts, "trainer.max_steps=-1")
    assert_same_state(whole, parts)


@pytest.mark.parametrize("recipe", ["bce", "wgan_gp", "conditional"])
def test_run_killed_in_between_resumes_to_the_uninterrupted_run(recipe: str, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    # A checkpoint every 1,000 images falls into the middle of a critic's turn and of an epoch.
    overrides = [*RECIPES[recipe], "num_images=3840", "callback.checkpoint.every_images=1000"]
    train(whole, *overrides)
    kill = "+callback.kill={_target_: running.SignalAt, images: 2500}"
    run = train_apart(killed, *overrides, kill, SIGNAL="SIGKILL")
    assert run.returncode == -9, run.stdout + run.stderr
    assert checkpoint(killed)["time"]["images_seen"] == 2048
    assert json.loads((killed / "summary.json").read_text())["status"] == "running"
    train_on(killed)
    assert_same_state(whole, killed)
    assert json.loads((killed / "summary.json").read_text())["status"] == "finished"


def test_run_killed_behind_its_last_checkpoint_trains_its_last_stretch_again(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    overrides = ["num_images=3200", "callback.checkpoint.every_images=1000"]
    for run_dir in (whole, killed):
        train(run_dir, *overrides)
    content = json.loads((killed / "summary.json").read_text(encoding="utf-8"))
    (killed / "summary.json").write_text(json.dumps({**content, "status": "running"}), encoding="utf-8")
    train_on(killed)
    assert_same_state(whole, killed)
    assert json.loads((killed / "summary.json").read_text(encoding="utf-8"))["status"] == "finished"
    assert (killed / "metrics.csv").read_text(encoding="utf-8").count("\n") == (
        whole / "metrics.csv"
    ).read_text(encoding="utf-8").count("\n")
    with pytest.raises(
        SettingError, match="num_images"
    ):  # control: a run that has ended has nothing left to do
        train_on(whole)


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)])
def test_signal_saves_and_exits_with_its_code_and_resumes_exactly(
    name: str, code: int, tmp_path: Path
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    overrides = ["num_images=2560", "callback.checkpoint.every_images=null"]
    train(whole, *overrides)
    run = train_apart(
        stopped, *overrides, "+callback.kill={_target_: running.SignalAt, images: 1280}", SIGNAL=name
    )
    assert run.returncode == code, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    summary = json.loads((stopped / "summary.json").read_text())
    assert (summary["status"], summary["images_seen"]) == ("interrupted", 1344)
    assert f"resume={stopped}" in run.stdout
    train_on(stopped)
    assert_same_state(whole, stopped)


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_second_signal_ends_at_once_with_its_code_and_the_last_checkpoint_stays(
    name: str, code: int, tmp_path: Path
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    overrides = ["num_images=2560", "callback.checkpoint.every_images=640"]
    train(whole, *overrides)
    twice = "+callback.kill={_target_: running.SignalAt, images: 1600, times: 2, pause: 1.2}"
    run = train_apart(stopped, *overrides, twice, SIGNAL=name)
    assert run.returncode == code, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    summary = json.loads((stopped / "summary.json").read_text())
    assert (summary["status"], summary["images_seen"]) == ("interrupted", 1600)
    assert checkpoint(stopped)["time"]["images_seen"] == 1280
    train_on(stopped)
    assert_same_state(whole, stopped)


def test_a_resume_that_forgets_the_loaders_position_is_noticed(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(whole, "num_images=1280")
    train(parts, "num_images=1280", "trainer.max_steps=10")
    path = parts / "checkpoints" / "last.ckpt"
    content = checkpoint(parts)
    content["Digits"]["loader"]["batch"] = 0
    content["loops"]["fit_loop"]["state_dict"].pop("combined_loader", None)
    torch.save(content, path)
    train_on(parts, "trainer.max_steps=-1")
    assert differences(checkpoint(whole)["state_dict"], checkpoint(parts)["state_dict"])


def test_a_learning_rate_given_at_a_resume_is_taken_and_one_that_is_not_given_stays(tmp_path: Path) -> None:
    run_dir, every = tmp_path / "run", "trainer.log_every_n_steps=1"
    rates = ("optimizer.generator.lr=1e-3", "optimizer.discriminator.lr=1e-3")
    train(run_dir, *rates, every, "num_images=1280", "trainer.max_steps=8", "loss=bce")
    train_on(run_dir, "trainer.max_steps=-1", "optimizer.discriminator.lr=1e-4")
    last = read_metrics(run_dir / "metrics.csv")[-1]
    assert last["train/discriminator/lr"] == pytest.approx(1e-4)
    assert last["train/generator/lr"] == pytest.approx(1e-3)


def test_runs_with_several_critic_steps_log_both_networks(tmp_path: Path) -> None:
    train(tmp_path / "run", "loss=wgan_gp", "num_images=6400", "trainer.log_every_n_steps=50")
    columns = {name for row in read_metrics(tmp_path / "run" / "metrics.csv") for name in row}
    names = {"adversarial", "gradient_norm"}
    assert {f"train/{role}/{name}" for role in ("generator", "discriminator") for name in names} <= columns
