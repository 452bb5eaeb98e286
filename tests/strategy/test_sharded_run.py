"""The command on two devices that share one state: `trainer=fsdp trainer.devices=2`."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganworks import load_generator
from pairs import TRAIN
from running import checkpoint, differences, environment_of_tests, train_apart, train_on

RUN = ["trainer=fsdp", "trainer.accelerator=cpu", "trainer.devices=2", "loss=wgan_gp", "num_images=2560",
       "data.batch_size=128", "trainer.log_every_n_steps=2", "callback.checkpoint.every_images=512"]  # fmt: skip
MEASURED = ["metric=digits", "metric.num_samples=101", "callback.sample_grid.every_images=1024"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupts, with pictures and figures."""
    run_dir = tmp_path_factory.mktemp("sharded") / "run"
    run = train_apart(run_dir, *RUN, *MEASURED)
    assert run.returncode == 0, run.stdout + run.stderr
    return run_dir


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, whose first rank was killed in the middle."""
    run_dir = tmp_path_factory.mktemp("killed") / "run"
    kill = "+callback.kill={_target_: running.SignalAt, images: 1280}"
    run = train_apart(run_dir, *RUN, *MEASURED, kill, SIGNAL="SIGKILL")
    assert run.returncode == -signal.SIGKILL
    assert 0 < checkpoint(run_dir)["time"]["images_seen"] < 2560
    return run_dir


def test_a_sharded_run_draws_measures_and_ends_as_others_do(whole: Path) -> None:
    summary = json.loads((whole / "summary.json").read_text())
    assert (summary["status"], summary["num_devices"], summary["images_seen"]) == ("finished", 2, 2560)
    assert summary["metrics"]["fd_digits"] > 0
    assert len(list((whole / "samples").glob("*.png"))) == 4  # at the start, twice, at the end
    rows = (whole / "metrics.csv").read_text().splitlines()
    assert len(rows) == len({row.split(",")[0] for row in rows})  # of the first rank alone


def test_its_checkpoint_and_its_generator_are_those_of_one_device(whole: Path, ganworks: Callable) -> None:
    state = checkpoint(whole)["state_dict"]
    assert all(type(value) is torch.Tensor for value in state.values())
    exported, loaded = (
        load_generator(whole / "generator"),
        load_generator(whole / "checkpoints" / "last.ckpt"),
    )
    assert torch.equal(exported.sample(8, seed=0), loaded.sample(8, seed=0))
    weight = "to_image.weight"
    assert torch.equal(exported.generator.state_dict()[weight], state[f"ema_generator.{weight}"])
    assert ganworks("sample", f"run={whole}", "num=4", "out=four.png").code == 0
    figures = ganworks("evaluate", f"run={whole}", "metric.num_samples=101")
    assert figures.code == 0, figures.err


def test_a_sharded_run_that_was_killed_resumes_to_the_bit(whole: Path, killed: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(killed, tmp_path / "copy")
    command = [*TRAIN, f"resume={copy}"]
    run = subprocess.run(command, env=environment_of_tests(), capture_output=True, text=True, timeout=400)
    assert run.returncode == 0, run.stdout + run.stderr
    first, second = checkpoint(whole), checkpoint(copy)
    for key in ("state_dict", "optimizer_states", "time"):
        assert differences(first[key], second[key]) == []


@pytest.mark.parametrize("strategy", ["auto", "adversarial_fsdp"])
def test_it_resumes_on_one_device_with_and_without_shards(
    strategy: str, killed: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(killed, tmp_path / "copy")
    before, seen = checkpoint(copy), checkpoint(copy)["time"]["images_seen"]
    settings = [f"trainer.strategy={strategy}", "trainer.devices=1", f"num_images={seen + 128}"]
    assert train_on(copy, *settings).status == "finished"
    assert "on 2 device(s) and goes on on 1" in capsys.readouterr().out
    after = checkpoint(copy)
    assert after["time"]["images_seen"] == seen + 128
    # Adam counts its steps: the state went on, it did not begin anew.
    steps = [state["optimizer_states"][1]["state"][0]["step"] for state in (before, after)]
    assert steps[1] == steps[0] + 1
    names = [name for name in before["state_dict"] if name.startswith("discriminator.")]
    moved = [float((after["state_dict"][n] - before["state_dict"][n]).abs().max()) for n in names]
    assert 0 < max(moved) < 0.01


def test_a_run_on_one_device_goes_on_in_shards(trained_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(trained_run, tmp_path / "copy")
    changes = ["num_images=1280", "trainer.devices=2", "trainer.strategy=adversarial_fsdp"]
    command = [*TRAIN, f"resume={copy}", *changes]
    run = subprocess.run(command, env=environment_of_tests(), capture_output=True, text=True, timeout=400)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "on 1 device(s) and goes on on 2" in run.stdout
    summary = json.loads((copy / "summary.json").read_text())
    assert (summary["status"], summary["num_devices"]) == ("finished", 2)
