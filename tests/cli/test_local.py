"""What a machine sets for itself wins over recipes, loses against the command line, and stays where it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from omegaconf import DictConfig, OmegaConf

from ganworks.cli import tune
from ganworks.errors import SettingError
from ganworks.report.settings import from_default
from ganworks.run.check import check_config, drop_leftovers
from ganworks.run.compose import LOCAL, compose
from pages import RUNNING, blocks

TINY = ("num_images=128", "metric=none", "model.width=8", "callback=basic")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a user's own options, with settings of two machines; nothing chooses among them yet."""
    (tmp_path / "own" / "local").mkdir(parents=True)
    machines = {
        "default": {"paths": {"runs": "here"}, "trainer": {"accelerator": "cpu"}, "num_images": 64},
        "cluster": {"paths": {"runs": "there"}, "logger": {"wandb": {"entity": "team"}}},
    }
    for name, content in machines.items():
        path = tmp_path / "own" / "local" / f"{name}.yaml"
        path.write_text(f"# @package _global_\n{yaml.safe_dump(content)}", encoding="utf-8")
    monkeypatch.delenv(LOCAL)
    return tmp_path / "own"


def composed(folder: Path, *overrides: str) -> DictConfig:
    return compose(overrides, folders=[str(folder)])


def test_default_of_the_machine_wins_over_recipes_and_loses_against_the_command_line(folder: Path) -> None:
    config = composed(folder, "experiment=digits_dcgan")
    assert (config.paths.runs, config.trainer.accelerator, config.num_images) == ("here", "cpu", 64)
    config = composed(folder, "experiment=digits_dcgan", "num_images=9", "paths.runs=elsewhere")
    assert (config.paths.runs, config.num_images) == ("elsewhere", 9)
    assert compose(["experiment=digits_dcgan"]).num_images == 720_000  # control: where there is none


@pytest.mark.parametrize("override", ["local=none", "local=null", "~local"])
def test_run_does_without_where_it_says_so(folder: Path, override: str) -> None:
    assert composed(folder, override) == compose()


def test_file_is_chosen_on_the_command_line_and_by_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert composed(folder, "local=cluster").paths.runs == "there"
    monkeypatch.setenv(LOCAL, "cluster")
    assert composed(folder).paths.runs == "there"
    assert composed(folder, "local=default").paths.runs == "here"
    monkeypatch.setenv(LOCAL, "")
    assert composed(folder).paths.runs == "runs"


def test_file_that_is_not_there_is_refused_with_the_nearest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingError, match=r"local=clustr: must be one of cluster, default, none.*'cluster'"):
        composed(folder, "local=clustr")
    monkeypatch.setenv(LOCAL, "laptop")
    with pytest.raises(SettingError, match="local=laptop: must be one of none"):
        compose()


def test_settings_of_a_logger_that_is_not_chosen_are_left_out(folder: Path) -> None:
    config = composed(folder, "local=cluster")
    drop_leftovers(config)
    check_config(config)
    assert config.logger == {}
    config = composed(folder, "local=cluster", "logger=wandb")
    drop_leftovers(config)
    check_config(config)
    assert config.logger.wandb.entity == "team"


def test_what_differs_from_the_default_is_the_same_on_every_machine(folder: Path) -> None:
    config = OmegaConf.to_container(composed(folder, "seed=1", "num_images=1_000_000"), resolve=True)
    assert from_default(config) == [("seed", ["1", "0"]), ("trainer.accelerator", ["cpu", "auto"])]


def test_command_trains_where_the_machine_says_and_a_sweep_too(folder: Path, ganworks: Callable) -> None:
    result = ganworks("train", *TINY, "data=ring", "--config-dir", str(folder), "name=once", "num_images=128")
    assert result.code == 0, result.err
    (run,) = Path("here/once").iterdir()
    assert json.loads((run / "summary.json").read_text(encoding="utf-8"))["images_seen"] == 128
    sweep = ["-m", "data=ring", "seed=0,1", "local=cluster", "name=twice"]
    result = ganworks("train", *TINY, *sweep, "--config-dir", str(folder))
    assert result.code == 0, result.err
    assert len(list(Path("there/twice/multirun").glob("*/*/config.yaml"))) == 2


def test_command_and_sweep_do_without_where_the_environment_says_so(
    folder: Path, ganworks: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOCAL, "")
    flags = ["--config-dir", str(folder), "data=ring", "dry_run=true"]
    for name, more in (("once", []), ("twice", ["-m", "seed=0"])):
        result = ganworks("train", *more, *flags, f"name={name}", *TINY)
        assert str(Path("runs", name, "")) in result.out


def test_command_refuses_a_file_that_is_not_there(folder: Path, ganworks: Callable) -> None:
    result = ganworks("train", "data=ring", "--config-dir", str(folder), "local=clutser", *TINY)
    assert result.code == 1
    assert result.err.splitlines()[-1].endswith("Did you mean 'cluster'?")
    assert not Path("runs").exists()


def test_search_lies_where_the_machine_has_its_runs(folder: Path) -> None:
    own, others, flags = tune.split(["tune=digits_lr", "local=cluster", "--config-dir", str(folder)])
    assert "local=cluster" in others
    assert compose(tune.with_paths(own, others), folders=flags[1:]).paths.runs == "there"
    own, others, _ = tune.split(["tune=digits_lr", "paths.runs=mine", "--config-dir", str(folder)])
    assert compose(tune.with_paths(own, others), folders=flags[1:]).paths.runs == "mine"


def test_file_of_the_guide_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = [block for block in blocks(RUNNING, "yaml") if "conf/local/default.yaml" in block]
    (folder / "local" / "default.yaml").write_text(block, encoding="utf-8")
    monkeypatch.setenv("USER", "me")
    config = composed(folder)
    assert config.paths.runs == "/scratch/me/runs"
    assert config.logger.wandb.entity == "our-team"
    assert config.trainer.devices == 4
    assert composed(folder, "logger=csv").paths.data == "/data/shared"
