"""Flags stand anywhere on a command line, and a sweep outlasts its bad jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ganworks.cli.flags import split_flags
from ganworks.cli.train import spelled_out
from ganworks.errors import GanworksError
from running import QUICK

SMALL = ("data=digits", *QUICK, "num_images=64")


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        (["a=1", "-m"], ["--multirun"]),
        (["--config-dir", "conf", "a=1"], ["--config-dir=conf"]),
        (["a=1", "-cd", "conf"], ["--config-dir=conf"]),
        (["--config-dir=conf", "a=1"], ["--config-dir=conf"]),
        (["--cfg", "job", "a=1", "--resolve"], ["--cfg=job", "--resolve"]),
        (["a=1", "-c", "hydra"], ["--cfg=hydra"]),
        (["--info", "a=1"], ["--info=all"]),
        (["-i", "defaults", "a=1"], ["--info=defaults"]),
        (["--help", "a=1"], ["--help"]),
        (["--multi", "a=1"], ["--multirun"]),
    ],
)
def test_flags_are_understood_with_their_values(arguments: list[str], flags: list[str]) -> None:
    assert split_flags(arguments) == (flags, ["a=1"])


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--multrun", "Did you mean '--multirun'"),
        ("--lr", "name=value"),
        ("--config-dir", "without its value"),
    ],
)
def test_a_flag_that_cannot_be_is_told_in_a_line(flag: str, words: str, ganworks: Callable) -> None:
    with pytest.raises(GanworksError, match=words):
        split_flags([flag])
    result = ganworks("train", "data=digits", flag)
    assert (result.code, result.err.count("\n")) == (1, 1)


def test_a_folder_of_options_may_be_named_last(ganworks: Callable) -> None:
    Path("mine/loss").mkdir(parents=True)
    Path("mine/loss/own.yaml").write_text("_target_: ganworks.loss.Hinge\n")
    result = ganworks("train", *SMALL, "loss=own", "dry_run=true", "--config-dir", "mine")
    assert result.code == 0, result.err


@pytest.mark.parametrize("name", ["ddp", "ddp_spawn", "fsdp", "deepspeed_stage_2", "ddp_notebook"])
def test_strategies_that_cannot_train_a_game_are_refused_with_what_to_write_instead(
    name: str, ganworks: Callable
) -> None:
    result = ganworks("train", *SMALL, "trainer.devices=2", f"trainer.strategy={name}")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "adversarial_" in result.err
    assert not Path("runs").exists()


def test_tags_may_be_a_word_or_a_list_with_commas(ganworks: Callable) -> None:
    assert spelled_out("tags=first,small") == "tags=[first,small]"
    assert spelled_out("tags=[a,b]") == "tags=[a,b]"
    assert spelled_out("tags=a,b", is_sweep=True) == "tags=a,b"
    assert ganworks("train", *SMALL, "tags=first", "name=tagged").code == 0
    (run_dir,) = Path("runs/tagged").iterdir()
    assert "tags:\n- first\n" in (run_dir / "config.yaml").read_text()


def test_a_sweep_runs_the_jobs_behind_a_bad_one_and_says_which_it_was(ganworks: Callable) -> None:
    result = ganworks("train", *SMALL, "name=sweep", "data.batch_size=64,5000,32", "-m")
    assert result.code == 1
    (folder,) = Path("runs/sweep/multirun").iterdir()
    states = {
        path.parent.name: json.loads(path.read_text())["status"] for path in folder.glob("*/summary.json")
    }
    assert states == {"0": "finished", "2": "finished"}
    assert result.err.splitlines()[0].startswith("error: data.batch_size=5000: must be at most")
    assert result.err.splitlines()[-1] == "error: 1 of 3 jobs failed: 1. Their errors stand above."
    assert [
        line.split("│")[1].strip()
        for line in result.out.splitlines()
        if "data.batch_size=" in line and "│" in line
    ] == ["0", "1", "2"]
    assert ganworks("train", *SMALL, "-m", "seed=0,1", "name=well").code == 0  # control
