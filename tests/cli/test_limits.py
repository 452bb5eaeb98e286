"""Limits of the trainer: what a run says that has used them up."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganworks.cli.train import with_recipe
from ganworks.errors import GanworksError
from running import train, train_on


def test_a_resumed_run_whose_limit_is_used_up_says_which(tmp_path: Path) -> None:
    assert train(tmp_path / "run", "num_images=1280", "trainer.max_steps=5").status == "stopped"
    with pytest.raises(
        GanworksError, match=r"a limit of the trainer is used up already \(trainer.max_steps=5"
    ):
        train_on(tmp_path / "run")
    assert train_on(tmp_path / "run", "trainer.max_steps=-1").status == "finished"


def test_the_multirun_flag_may_stand_anywhere() -> None:
    assert with_recipe(["seed=1", "-m", "loss=bce,hinge"]) == ["-m", "seed=1", "loss=bce,hinge"]


def test_the_recipe_stands_in_only_where_no_part_is_chosen() -> None:
    recipe = "experiment=digits_dcgan"
    assert with_recipe(["seed=1"]) == ["seed=1", recipe]
    assert with_recipe(["seed=1", "--cfg", "job"]) == [
        "seed=1",
        recipe,
        "--cfg",
        "job",
    ]  # settings in one piece
    assert with_recipe(["--cfg", "job"]) == ["--cfg", "job", recipe]
    assert with_recipe(["data=digits"]) == ["data=digits", recipe]
    assert with_recipe(["loss=hinge"]) == ["loss=hinge"]
    assert with_recipe(["experiment=null"]) == []
