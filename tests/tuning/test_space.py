"""Search spaces: what a point stands for, which conditions hold, what is refused."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from ganworks.errors import GanworksError, SettingError
from ganworks.tuning.parse import parse_space
from ganworks.tuning.space import combinations, text
from running import compose

NODE: dict[str, Any] = {
    "loss": ["bce", "wgan_gp"],
    "optimizer.generator.lr": {"log": [1e-5, 2e-3]},
    "lr_D/lr_G": {"log": [0.25, 8], "sets": "optimizer.discriminator.lr", "times": "optimizer.generator.lr"},
    "regularizer.gradient_penalty.weight": {"log": [0.1, 100], "when": {"loss": "wgan_gp"}},
    "norm": {"choice": {"plain": [], "spectral": ["model.discriminator.norm=spectral"]}},
    "task.n_critic": {"int": [1, 5]},
}


def suggest(node: dict[str, Any], params: dict[str, Any]) -> list[str]:
    return parse_space("space", node).suggest(optuna.trial.FixedTrial(params))  # type: ignore[arg-type]


def test_a_point_becomes_the_overrides_of_a_run() -> None:
    params = {"loss": "wgan_gp", "optimizer.generator.lr": 2e-4, "lr_D/lr_G": 2.0, "norm": "spectral",
              "regularizer.gradient_penalty.weight": 10.0, "task.n_critic": 5}  # fmt: skip
    assert set(suggest(NODE, params)) == {
        "loss=wgan_gp", "optimizer.generator.lr=0.0002", "optimizer.discriminator.lr=0.0004",
        "regularizer.gradient_penalty.weight=10", "model.discriminator.norm=spectral", "task.n_critic=5",
    }  # fmt: skip


def test_a_dimension_whose_condition_does_not_hold_is_not_there() -> None:
    params = {
        "loss": "bce",
        "optimizer.generator.lr": 2e-4,
        "lr_D/lr_G": 2.0,
        "norm": "plain",
        "task.n_critic": 1,
    }
    assert not [o for o in suggest(NODE, params) if o.startswith(("regularizer", "model"))]


def test_a_multiple_of_the_heuristic_is_computed_from_the_trials_own_data() -> None:
    node = {"gamma": {"log": [1e-4, 1e4], "sets": "regularizer.r1.weight", "times": "r1_gamma"}}
    overrides = suggest(node, {"gamma": 0.5})
    for data, gamma in ((["data.resolution=32"], 0.5 * 0.0002 * 32**2 / 64), (["data.batch_size=16"], 4e-4)):
        config = compose("data=digits", "experiment=null", "regularizer=r1", *data, *overrides)
        assert config.regularizer.r1.weight == pytest.approx(gamma)


def test_conditions_come_after_what_they_look_at() -> None:
    node = {
        "regularizer.r1.weight": {"log": [0.1, 1], "when": {"regularizer": "r1"}},
        "regularizer": ["none", "r1"],
    }
    assert [d.name for d in parse_space("space", node).dimensions] == ["regularizer", "regularizer.r1.weight"]


def test_every_option_is_among_the_points_that_are_tried() -> None:
    space = parse_space("space", {f"d{i}": [*range(4)] for i in range(5)})
    points = combinations(space, limit=8)
    assert len(points) >= 4
    assert {(name, value) for point in points for name, value in point.items()} == {
        (f"d{i}", value) for i in range(5) for value in range(4)
    }


def test_optuna_draws_within_the_ranges() -> None:
    space, study = parse_space("space", NODE), optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    for _ in range(30):
        trial = study.ask()
        space.suggest(trial)
        assert 1e-5 <= trial.params["optimizer.generator.lr"] <= 2e-3
        has_weight = "regularizer.gradient_penalty.weight" in trial.params
        assert has_weight == (trial.params["loss"] == "wgan_gp")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an empty range": ({"a": {"log": [1e-3, 1e-3]}}, r"space\.a\.log=.*low < high"),
    "a logarithm of zero": ({"a": {"log": [0, 1]}}, "low > 0"),
    "half a range": ({"a": {"range": [1]}}, "two numbers"),
    "no options": ({"a": []}, "at least one option"),
    "two kinds": ({"a": {"log": [1, 2], "range": [1, 2]}}, "exactly one of"),
    "a word that is none": ({"a": {"lgo": [1, 2]}}, "Did you mean 'log'"),
    "a condition on what is not there": ({"a": {"log": [1, 2], "when": {"los": "bce"}}, "loss": ["bce"]}, "'loss'"),
    "a condition that never holds": ({"loss": ["bce"], "a": {"log": [1, 2], "when": {"loss": "hinge"}}}, "loss=hinge"),
    "conditions that exclude each other": (
        {"loss": ["bce", "wgan"], "r": {"choice": ["x"], "when": {"loss": "bce"}},
         "a": {"log": [1, 2], "when": {"loss": "wgan", "r": "x"}}}, "a condition that can hold"),
    "a circle": ({"a": {"choice": [1, 2], "when": {"b": 1}},
        "b": {"choice": [1, 2], "when": {"a": 1}}}, "wait for each"),
    "a multiple of nothing": ({"a": {"log": [1, 2], "times": "b"}}, "times=b"),
    "a multiple of a heuristic that is none": ({"a": {"log": [1, 2], "times": "r1_gama"}}, "Did you mean 'r1_gamma'"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_space_that_cannot_be_is_refused_with_its_place(name: str) -> None:
    node, message = WRONG[name]
    with pytest.raises(GanworksError, match=message):
        parse_space("space", node)


def test_a_first_point_outside_of_the_space_is_refused() -> None:
    with pytest.raises(SettingError, match=r"a number from 1e-05 to 0\.002"):
        parse_space("space", NODE, {"paper": {"optimizer.generator.lr": 1.0}})
    with pytest.raises(GanworksError, match=r"Did you mean 'optimizer\.generator\.lr'"):
        parse_space("space", NODE, {"paper": {"optimizer.generator.rl": 1e-4}})
    with pytest.raises(SettingError, match="left out: it exists when"):
        parse_space("space", NODE, {"paper": {"loss": "bce", "regularizer.gradient_penalty.weight": 10}})


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (2e-4, "0.0002"),
        (True, "true"),
        (None, "null"),
        ([0.0, 0.99], "[0.0,0.99]"),
        ("hinge", "hinge"),
        (5, "5"),
    ],
)
def test_values_are_written_as_train_takes_them(value: Any, written: str) -> None:
    assert text(value) == written
