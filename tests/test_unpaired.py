"""Runs of unpaired translation: they train, resume to the bit, are measured, translate both ways, on two ranks."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import Result, call
from ganworks import load_generator
from pairs import TRAIN
from running import checkpoint, differences

BATCH = 8
COMMON = (
    "trainer=cpu", "trainer.log_every_n_steps=10", "callback.sample_grid.num=8", "num_threads=1",
    "~callback.report", "metric.num_samples=64", f"data.batch_size={BATCH}", "model.width=4",
)  # fmt: skip
RUNS: dict[str, tuple[str, ...]] = {
    "cycle": ("experiment=printed_to_handwritten_cycle", "task.pool=20"),
    "cut": ("experiment=printed_to_handwritten_cut",),
    "bending": ("experiment=printed_to_handwritten",),
    "labels": ("experiment=printed_to_handwritten_labels",),
}
every_run = pytest.mark.parametrize("name", RUNS)


def command(name: str, run_dir: Path, *others: str) -> list[str]:
    return [*RUNS[name], *COMMON, f"num_images={50 * BATCH}", f"hydra.run.dir={run_dir}", *others]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run of fifty steps of each task."""
    folder = tmp_path_factory.mktemp("unpaired")
    for name in RUNS:
        assert call("train", *command(name, folder / name)) == 0, name
    return {name: folder / name for name in RUNS}


@every_run
def test_fifty_steps_are_shown_and_measured_beside_the_sources(name: str, runs: dict[str, Path]) -> None:
    summary = json.loads((runs[name] / "summary.json").read_text())
    assert summary["status"] == "finished"
    figures = {"fd_digits", "class_kept"} | ({"fd_digits_back"} if name == "cycle" else set())
    assert figures <= set(summary["metrics"])
    assert 0.5 < summary["baselines"]["source"]["class_kept"] < 0.9
    assert summary["floor"]["fd_digits"] < summary["baselines"]["source"]["fd_digits"]
    pictures = sorted((runs[name] / "samples").iterdir())
    assert min(Image.open(pictures[-1]).size) > 8


# The pool of 20 is half full when the run of the cycle stops: 8 digits went through.
@every_run
def test_a_resumed_run_equals_the_uninterrupted_one(name: str, runs: dict[str, Path], tmp_path: Path) -> None:
    steps = 1 if name == "cycle" else 10
    assert call("train", *command(name, tmp_path / "run", f"trainer.max_steps={steps}")) == 0
    if name == "cycle":
        state = checkpoint(tmp_path / "run")["state_dict"]
        assert int(state["pools.real.num"]) == BATCH
    assert call("train", f"resume={tmp_path / 'run'}", "trainer.max_steps=-1") == 0
    whole, resumed = checkpoint(runs[name]), checkpoint(tmp_path / "run")
    assert differences(whole["state_dict"], resumed["state_dict"]) == []
    assert differences(whole["optimizer_states"], resumed["optimizer_states"]) == []


def test_a_pool_that_is_forgotten_ends_elsewhere(runs: dict[str, Path], tmp_path: Path) -> None:
    assert call("train", *command("cycle", tmp_path / "run", "task.pool=0")) == 0
    whole, other = checkpoint(runs["cycle"])["state_dict"], checkpoint(tmp_path / "run")["state_dict"]
    assert differences({n: whole[n] for n in other}, other) != []


@every_run
def test_evaluate_and_sample_take_such_a_run(
    name: str, runs: dict[str, Path], ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    result = ganworks("evaluate", f"run={runs[name]}")
    assert result.code == 0, result.err
    assert "source" in result.out
    picture = np.zeros((12, 20), dtype=np.uint8)
    picture[2:10, 8:12] = 255
    Image.fromarray(picture).save(tmp_path / "one.png")
    out = tmp_path / "out.png"
    result = ganworks("sample", f"run={runs[name]}", f"input={tmp_path / 'one.png'}", f"out={out}")
    assert result.code == 0, result.err
    assert Image.open(out).size == (20, 12)


def test_a_cycle_translates_back_and_others_say_that_they_do_not(
    runs: dict[str, Path], ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    ways = {}
    for direction in ("forth", "back"):
        ways[direction] = tmp_path / f"{direction}.pt"
        arguments = f"run={runs['cycle']}", "num=5", f"direction={direction}", f"out={ways[direction]}"
        result = ganworks("sample", *arguments)
        assert result.code == 0, result.err
    assert not torch.equal(torch.load(ways["forth"]), torch.load(ways["back"]))
    player = load_generator(runs["cycle"]).generator
    assert torch.load(ways["back"]).shape == (5, 1, 8, 8)
    assert set(player) == {"forth", "back"}
    result = ganworks("sample", f"run={runs['cut']}", "direction=back")
    assert result.code == 1
    assert "task=cycle" in result.err


def test_the_measure_of_the_way_back_is_refused_where_there_is_none(
    runs: dict[str, Path], ganworks: Callable[..., Result]
) -> None:
    result = ganworks("evaluate", f"run={runs['cut']}", "metric=translated_digits_back")
    assert result.code == 1
    assert "task=cycle" in result.err


@every_run
def test_the_doctor_advises_no_setting_that_the_model_does_not_have(
    name: str, runs: dict[str, Path], ganworks: Callable[..., Result]
) -> None:
    episodes = json.loads((runs[name] / "summary.json").read_text())["doctor"]["episodes"]
    for episode in episodes:
        for word in ("model.conditional", "latent", "truncation"):
            assert word not in episode["advice"], episode


SHARDED = ("trainer=fsdp", "trainer.accelerator=cpu")


@pytest.mark.parametrize(
    ("name", "others"),
    [("cycle", ()), ("cut", ()), ("cycle", SHARDED), ("cut", SHARDED)],
    ids=["cycle", "cut", "cycle, sharded", "cut, sharded"],
)
def test_two_ranks_train_together(name: str, others: tuple[str, ...], tmp_path: Path) -> None:
    settings = "trainer.devices=2", "num_images=96", "metric=none", *others
    arguments = command(name, tmp_path / "run", *settings)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    arguments = [a for a in arguments if a != "metric.num_samples=64"]
    run = subprocess.run([*TRAIN, *arguments], env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["num_devices"] == 2
    if name == "cycle":  # the common pool took the fakes of both
        assert int(checkpoint(tmp_path / "run")["state_dict"]["pools.real.num"]) == 20
