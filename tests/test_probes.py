"""Parts that plain image generation does not expect train, resume, draw, are measured, and run on two ranks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import Result, call
from ganworks import load_generator
from pairs import TESTS, TRAIN
from running import checkpoint, differences

CONF = str(TESTS / "probe_conf")
COMMON = ("trainer=cpu", "trainer.log_every_n_steps=4", "callback.sample_grid.num=8", "num_images=320")
COMMON += (
    "num_threads=1",
    "~callback.report",
    "callback.checkpoint.every_images=160",
    "metric.num_samples=64",
)
DIGITS = ("data=digits", "data.batch_size=16")
PROBES: dict[str, tuple[str, ...]] = {
    "a discriminator that returns a dict": (*DIGITS, "model=class_head", "task=auxiliary"),
    "a player of two networks": (*DIGITS, "model=two_networks", "task=two_networks"),
    "samples of rank 5 and two critics": (
        "data=bars",
        "model=clips",
        "regularizer=r1",
        "data.horizontal_flip=true",
    ),
    "a penalty with state on the generator": (*DIGITS, "model=patches", "regularizer=[r1,drift]"),
    "patch logits": (*DIGITS, "model=patches", "loss=r3gan"),
    "tokens with Gumbel noise": ("data=letters", "model=writer"),
    "a translator": ("data=twins", "model=restyle"),
}
every_probe = pytest.mark.parametrize("probe", PROBES)


def command(probe: str, run_dir: Path, *others: str) -> list[str]:
    return ["--config-dir", CONF, *PROBES[probe], *COMMON, f"hydra.run.dir={run_dir}", *others]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run of each probe."""
    folder = tmp_path_factory.mktemp("probes")
    found = {}
    for number, probe in enumerate(PROBES):
        found[probe] = folder / str(number)
        assert call("train", *command(probe, found[probe])) == 0, probe
    return found


@every_probe
def test_it_trains_and_shows_its_samples(probe: str, runs: dict[str, Path]) -> None:
    summary = json.loads((runs[probe] / "summary.json").read_text())
    assert summary["status"] == "finished"
    pictures = sorted((runs[probe] / "samples").iterdir())
    assert pictures[-1].stem == "000000000320"
    if pictures[-1].suffix == ".txt":
        lines = pictures[-1].read_text().splitlines()
        assert len(lines) == 8
        assert set("".join(lines)) <= set("abc")
    else:
        assert min(Image.open(pictures[-1]).size) > 8


@every_probe
def test_it_resumes_to_the_bit(probe: str, runs: dict[str, Path], tmp_path: Path) -> None:
    assert call("train", *command(probe, tmp_path / "run", "trainer.max_steps=10")) == 0
    assert call("train", f"resume={tmp_path / 'run'}", "trainer.max_steps=-1") == 0
    whole, resumed = checkpoint(runs[probe]), checkpoint(tmp_path / "run")
    assert differences(whole["state_dict"], resumed["state_dict"]) == []
    assert differences(whole["optimizer_states"], resumed["optimizer_states"]) == []


def test_state_of_a_penalty_moves_and_is_in_the_checkpoint(runs: dict[str, Path]) -> None:
    state = checkpoint(runs["a penalty with state on the generator"])["state_dict"]
    assert state["regularizers.drift.mean"].abs() > 1e-6


@every_probe
def test_it_draws_the_same_samples_for_the_same_seed(probe: str, runs: dict[str, Path]) -> None:
    sampler = load_generator(runs[probe])
    given = {"source": torch.rand(5, 1, 8, 8)} if "source" in sampler.conditions else {}
    first, again, other = (sampler.sample(5, seed, conditions=given) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (not sampler.noise and not sampler.num_classes)
    halves = sampler.sample(5, 0, batch_size=2, conditions=given)
    torch.testing.assert_close(first, halves)


def test_a_translator_draws_from_the_sources_of_its_run(
    runs: dict[str, Path], ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    result = ganworks("sample", f"run={runs['a translator']}", "num=3", f"out={tmp_path / 'drawn.npy'}")
    assert result.code == 0, result.err
    assert np.load(tmp_path / "drawn.npy").shape == (3, 1, 8, 8)


def test_a_translator_without_its_run_is_refused_without_sources(
    runs: dict[str, Path], ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    shutil.copytree(runs["a translator"] / "generator", tmp_path / "alone")
    result = ganworks("sample", f"run={tmp_path / 'alone'}", "trust=probes")
    assert result.code == 1
    assert "input=: must be an image or a folder" in result.err


@pytest.mark.parametrize(
    ("probe", "name"),
    [("samples of rank 5 and two critics", "000000.gif"), ("tokens with Gumbel noise", "000000.txt")],
)
def test_samples_of_a_kind_are_written_in_its_files(
    probe: str, name: str, runs: dict[str, Path], ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    result = ganworks("sample", f"run={runs[probe]}", "num=3", f"out={tmp_path / 'out'}")
    assert result.code == 0, result.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir())[0] == name


@every_probe
def test_it_is_measured_or_says_that_no_metric_fits(
    probe: str, runs: dict[str, Path], ganworks: Callable[..., Result]
) -> None:
    if PROBES[probe][0] == "data=digits":
        summary = json.loads((runs[probe] / "summary.json").read_text())
        assert summary["metrics"]["fd_digits"] > 0
        assert ganworks("evaluate", f"run={runs[probe]}").code == 0
        return
    result = ganworks("evaluate", f"run={runs[probe]}", "metric=digits")
    if probe == "a translator":  # its images are measured, made of the sources that the data set has
        assert "fd_digits" in result.out
        return
    assert result.code == 1
    assert "metric" in result.err
    assert "Traceback" not in result.err


@every_probe
def test_the_doctor_advises_no_setting_that_the_model_does_not_have(
    probe: str, runs: dict[str, Path]
) -> None:
    episodes = json.loads((runs[probe] / "summary.json").read_text())["doctor"]["episodes"]
    for episode in episodes:
        assert "discriminator.norm" not in episode["advice"], episode


def test_the_doctor_looks_at_each_critic(runs: dict[str, Path]) -> None:
    table = runs["samples of rank 5 and two critics"] / "metrics.csv"
    columns = set(table.read_text().splitlines()[0].split(","))
    assert {"doctor/auc@clip", "doctor/auc@frame", "train/discriminator/frame/r1"} <= columns
    assert "doctor/auc" not in columns


@every_probe
def test_it_runs_on_two_ranks(probe: str, tmp_path: Path) -> None:
    arguments = command(probe, tmp_path / "run", "trainer.devices=2", "num_images=128")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)}
    run = subprocess.run([*TRAIN, *arguments], env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["num_devices"] == 2


def test_batch_norm_of_one_critic_is_refused_under_its_penalty_alone(ganworks: Callable[..., Result]) -> None:
    settings = ["--config-dir", CONF, "data=digits", "model=two_critics", *COMMON, "dry_run=true"]
    result = ganworks("train", *settings, "regularizer=r1")
    assert result.code == 1
    assert result.err.startswith(
        "error: model.discriminator.normed.norm=batch: must be none, layer or spectral"
    )
    assert ganworks("train", *settings, "regularizer=none").code == 0
    own = "+model.discriminator.normed.regularizers={}"  # a critic without the task's penalty keeps its norm
    assert ganworks("train", *settings, "regularizer=r1", own).code == 0
