"""evaluate.py devices=2: two processes share generation and extraction."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import weights_files
from ganworks.data.evaluated import EvaluatedImages
from ganworks.errors import SettingError
from ganworks.evaluation.processes import take_device
from ganworks.metric.extractor import Inception
from ganworks.metric.suite import Suite
from ganworks.metric.weights import file_sha256
from ganworks.noise import keyed_rng
from ganworks.started import STARTED_BY
from pairs import free_port
from rounding import close_figures


def figures() -> dict:
    return json.loads(Path("figures.json").read_text())


def measured(ganworks: Callable, *arguments: str) -> tuple[dict, dict]:
    """Return what one process and what two have found."""
    found = []
    for devices in (1, 2):
        result = ganworks("evaluate", *arguments, f"devices={devices}", "out=figures.json")
        assert result.code == 0, result.err
        assert result.out.count("num_real") == 1
        found.append(figures())
    return found[0], found[1]


def close(found: dict, name: str = "values", rel: float = 1e-5) -> dict:
    """Return some of the figures that were found with what rounding may change in them."""
    contract = found["contract"]
    return close_figures(found[name], contract["num_real"], contract["num_fake"], rel=rel)


def test_two_processes_have_the_figures_of_one_over_seeds_and_an_odd_number(
    ganworks: Callable, trained_run: Path
) -> None:
    few = (f"run={trained_run}", "metric=digits", "metric.num_samples=101", "seeds=2")
    one, two = measured(ganworks, *few)
    assert two["values"] == close(one)
    assert two["deviation"] == close(one, "deviation", rel=1e-4)
    assert two["contract"] == one["contract"]
    assert two["floor"] == close_figures(one["floor"], num_real=898, num_fake=101)  # one half of the reals


def test_two_processes_have_the_figures_of_one_for_folders(
    ganworks: Callable, folders: tuple[Path, Path]
) -> None:
    real, fake = folders
    one, two = measured(ganworks, f"real={real}", f"fake={fake}", "metric=[digits,spectrum]", "channels=1")
    assert two["values"] == close(one)
    assert two["contract"] == one["contract"]


def test_features_that_two_processes_have_kept_are_those_that_one_reads(
    ganworks: Callable, folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = weights_files.save_inception(tmp_path / "weights.pth")
    settings = {"weights": path, "sha256": file_sha256(path), "device": "cpu"}
    few = [f"metric.extractor.inception.{name}={value}" for name, value in settings.items()]
    few += ["metric.num_samples=5", "metric.num_reals=3", f"metric.cache={tmp_path / 'cache'}"]
    sides = (f"real={folders[0]}", f"fake={folders[1]}", "metric=fid", "out=figures.json")
    result = ganworks("evaluate", *sides, *few, "devices=2")
    assert result.code == 0, result.err
    found = figures()["values"]
    assert (
        len(list((tmp_path / "cache").glob("*.safetensors"))) == 2
    )  # reals and fakes, and no shares of them
    monkeypatch.setattr(Inception, "features", lambda *args: pytest.fail("an image was read"))
    assert ganworks("evaluate", *sides, *few).code == 0
    assert figures()["values"] == found


def test_process_that_fails_ends_the_command_with_its_own_error(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    fake = tmp_path / "fake"
    fake.mkdir()
    for path in folders[1].iterdir():
        (fake / path.name).write_bytes(path.read_bytes())
    last = torch.randperm(121, generator=keyed_rng("reference"))[-1]  # in the share of the second process
    broken = EvaluatedImages(fake, 1).files.path(int(last))
    broken.write_bytes(broken.read_bytes()[:60])
    how = ("channels=1", "resolution=8", "out=figures.json")  # so that no size is looked up beforehand
    sides = (f"real={folders[0]}", f"fake={fake}", "metric=digits", *how)
    command = [sys.executable, "-m", "ganworks.cli.evaluate", *sides, "devices=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 1
    first, second = run.stderr.splitlines()
    assert first.startswith(f"error: {broken} can't be read")
    assert second.startswith("error: rank 1 ended with exit code 1: its own error stands above.")
    assert run.stdout == ""
    assert not (tmp_path / "figures.json").exists()


def test_a_machine_lends_no_more_gpus_than_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    with pytest.raises(SettingError, match="devices=3: must be at most 2, the GPUs here"):
        take_device(3, "cuda")
    take_device(2, "cuda")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    take_device(2, "cuda")
    assert taken == [0, 1]
    with pytest.raises(SettingError, match="devices=1: must be 2: so many processes were started"):
        take_device(1, "cuda")


def test_interruption_says_that_the_command_goes_on(
    ganworks: Callable, trained_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Suite, "compare", interrupt)
    result = ganworks("evaluate", f"run={trained_run}")
    assert result.code == 130
    assert result.err == "interrupted: the same command goes on from the features that are kept.\n"


def test_process_whose_first_one_is_gone_before_it_asks_ends(trained_run: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        **meeting,
        "LOCAL_RANK": "1",
        STARTED_BY: str(gone.pid),
    }
    command = [sys.executable, "-m", "ganworks.cli.evaluate", f"run={trained_run}", "devices=2"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert (run.returncode, run.stdout, run.stderr) == (1, "", "")
