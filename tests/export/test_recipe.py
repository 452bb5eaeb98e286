"""The command line of a card composes what the run was trained with, and tells no place of this machine."""

from __future__ import annotations

import shlex

import pytest
from omegaconf import OmegaConf

from ganworks.export.places import without_places
from ganworks.export.recipe import is_aside, recipe
from ganworks.export.words import shell_word
from ganworks.report.settings import flatten
from ganworks.run.compose import compose, primary_config

RUNS = [
    ["experiment=digits_dcgan", "num_images=5000", "name=digits_dcgan"],
    ["loss=wgan_gp", "model=resnet", "task.n_critic=2"],
]


@pytest.mark.parametrize("overrides", RUNS, ids=" ".join)
def test_recipe_composes_the_settings_of_the_run(overrides: list[str]) -> None:
    config = OmegaConf.to_container(compose(overrides, primary_config(overrides)), resolve=True)
    assert isinstance(config, dict)
    found = shlex.split(" ".join(map(shell_word, recipe(config))))
    again = OmegaConf.to_container(compose(found, primary_config(found)), resolve=True)
    assert {name: value for name, value in flatten(again).items() if not is_aside(name)} == {
        name: value for name, value in flatten(config).items() if not is_aside(name)
    }
    assert len(found) <= len(overrides) + 4


def test_places_of_this_machine_become_their_last_part() -> None:
    tree = {"data": {"root": "/home/me/cats", "other": ["~/x/y", 3]}, "url": "db://user:secret@host/x"}
    assert without_places(tree) == {
        "data": {"root": "cats", "other": ["y", 3]}, "url": "db://user:***@host/x",
    }  # fmt: skip
