"""The command line of a card composes what the run was trained with, and tells no place of this machine."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from ganworks.export.places import without_places
from ganworks.export.recipe import is_aside, recipe, word
from ganworks.export.words import shell_word
from ganworks.report.settings import flatten
from ganworks.run.compose import compose, primary_config

OWN_IMAGES = [
    *("experiment=fashion_dcgan", "data=folder", "data.root='/home/me/my cats'", "data.resolution=[32,48]"),
    *("data.channels=1", "metric=memorisation", "augment=ada", "augment.adjust_images=100_000"),
    *("init_from=/home/me/runs/clothes", "num_images=60_000", "name=own"),
]
RUNS = [
    ["experiment=digits_dcgan", "num_images=5000", "name=digits_dcgan"],
    ["loss=wgan_gp", "model=resnet", "task.n_critic=2"],
    ["experiment=digits_superres", "model.width=8", "optimizer.generator.lr=0.00123456789", "name=b"],
    OWN_IMAGES,
]


def composed(overrides: list[str]) -> dict[str, Any]:
    config = OmegaConf.to_container(compose(overrides, primary_config(overrides)), resolve=True)
    assert isinstance(config, dict)
    return config


def shaping(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that make a run's weights."""
    return {name: value for name, value in flatten(without_places(config)).items() if not is_aside(name)}


@pytest.mark.parametrize("overrides", RUNS, ids=lambda overrides: overrides[0])
def test_recipe_composes_the_settings_of_the_run(overrides: list[str]) -> None:
    config = composed(overrides)
    found = shlex.split(" ".join(map(shell_word, recipe(config))))
    assert shaping(composed(found)) == shaping(config)
    assert len(found) <= len(overrides)


def test_recipe_of_another_name_still_begins_with_its_experiment_and_its_weights() -> None:
    found = recipe(composed(OWN_IMAGES))
    assert {"experiment=fashion_dcgan", "data=folder", "augment=ada", "init_from=clothes"} <= set(found)
    assert not any(override.startswith("optimizer") for override in found)


@pytest.mark.parametrize(
    "value", [1, 2.0, 1 / 3, 1e-8, True, None, "8", "1e-3", "null", "a, b", "it's (é)", "", "2026-11-27_02-01-21",
              "C:\\x", [1, "a b", [0.5]], {"a": [1], "b": "x y"}],
)  # fmt: skip
def test_words_are_read_as_the_value_that_they_say(value: Any) -> None:
    (override,) = OverridesParser.create().parse_overrides([f"name={word(value)}"])
    assert override.value() == value


def test_places_of_this_machine_become_their_last_part() -> None:
    tree = {"data": {"root": "/home/me/cats", "other": ["~/x/y", 3]}, "url": "db://user:secret@host/x"}
    assert without_places(tree) == {
        "data": {"root": "cats", "other": ["y", 3]}, "url": "db://user:***@host/x",
    }  # fmt: skip
