"""The page names the settings that make a run what it is, and none that follow from others."""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf

from ganworks.report.settings import between, differences, flatten, from_default, text
from running import compose


def config(*overrides: str) -> dict[str, Any]:
    return OmegaConf.to_container(compose(*overrides), resolve=True)  # type: ignore[return-value]


def test_plain_defaults_differ_in_nothing() -> None:
    assert from_default(config()) == []


def test_what_was_set_differs_and_what_follows_from_it_does_not() -> None:
    found = from_default(config("num_images=50_000", "optimizer.generator.lr=1e-3", "seed=3", "name=mine"))
    assert found == [
        ("seed", ["3", "0"]),
        ("num_images", ["50_000", "1_000_000"]),
        ("optimizer.generator.lr", ["0.001", "0.0002"]),
    ]
    intervals = [config(a)["callback"]["checkpoint"]["every_images"] for a in ("seed=0", "num_images=50_000")]
    assert intervals[0] != intervals[1]  # control: an interval that is a share of num_images did change


def test_computed_setting_that_was_set_by_hand_differs() -> None:
    found = from_default(config("num_images=50_000", "callback.checkpoint.every_images=777"))
    assert dict(found)["callback.checkpoint.every_images"] == ["777", "2500"]


def test_part_that_the_default_has_not_is_shown_beside_a_dash() -> None:
    found = dict(from_default(config("regularizer=r1", "model.discriminator.norm=batch")))
    assert found["regularizer.r1.weight"][1] == "–"
    assert not any(name == "regularizer" for name in found)


def test_settings_of_another_version_are_compared_as_far_as_they_go() -> None:
    assert dict(from_default({"seed": 1, "name": "old", "extra": {"knob": 2}}))["extra.knob"] == ["2", "–"]
    assert from_default({}) == []


def test_runs_side_by_side_show_what_differs_alone() -> None:
    runs = [config(f"seed={seed}", f"name=run{seed}") for seed in (0, 1)]
    assert between(runs) == [("seed", ["0", "1"])]
    assert between([runs[0], runs[0]]) == []


def test_equal_values_of_other_types_do_not_differ() -> None:
    assert differences([{"a": 1.0, "b": [0.0]}, {"a": 1, "b": [0]}]) == []


def test_values_are_written_as_in_a_command() -> None:
    assert [text(v) for v in (None, True, 1e-4, 1_000_000, [0.0, 0.99], "hinge", {})] == [
        *("null", "true", "0.0001", "1_000_000", "[0, 0.99]", "hinge", "–"),
    ]
    assert flatten({"a": {"b": 1, "c": {"d": [2]}}}) == {"a.b": 1, "a.c.d": [2]}
