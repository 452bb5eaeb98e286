"""What is advised against a discriminator that knows its training set by heart."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganworks.doctor import Setup
from ganworks.doctor.advice import against_memory, against_overfitting, holding, paired
from ganworks.doctor.few_data import adaptively, is_repeated, sooner
from ganworks.doctor.penalties import consistent, held_level
from ganworks.run.build import build_run
from running import compose

FEW = Setup(num_samples=100, num_images=1_000_000)
MANY = Setup(num_samples=60_000, num_images=1_000_000)


def test_data_that_come_often_are_augmented_first() -> None:
    assert is_repeated(FEW)
    assert not is_repeated(MANY)
    assert not is_repeated(Setup(num_images=1_000_000))
    assert against_overfitting(FEW, {})[0] == "augment=diffaugment"
    assert against_overfitting(MANY, {})[0].startswith("loss=r3gan")
    assert set(against_overfitting(MANY, {})) <= set(against_overfitting(FEW, {}))


def test_target_of_an_adaptive_augmentation_is_lowered_as_far_as_its_paper_goes() -> None:
    setup = Setup(has_augment=True, augment_target=0.6, augment_images=500_000)
    assert adaptively(setup) == ["augment.target=0.5"]
    assert "augment.target=0.5" in against_memory(setup, {})
    assert adaptively(Setup(has_augment=True, augment_target=0.5, augment_images=500_000)) == []
    assert adaptively(Setup(has_augment=True, augment_images=500_000)) == ["augment.target=0.6"]
    assert adaptively(Setup(has_augment=True)) == []  # another augmentation, which adapts nothing


def test_probability_that_could_not_rise_within_the_run_is_made_to() -> None:
    assert sooner(FEW, 500_000) == ["augment.adjust_images=250000"]
    assert sooner(FEW, 250_000) == sooner(Setup(), 500_000) == []
    assert adaptively(Setup(num_images=40_000)) == ["augment=ada", "augment.adjust_images=10000"]


def test_penalties_are_taken_by_finite_differences_where_networks_are_compiled_or_sharded() -> None:
    for setup in (Setup(is_compiled=True), Setup(is_sharded=True)):
        assert holding(setup) == ["regularizer=r1_approx"]
        assert paired(setup, {})[:2] == ["loss=r3gan", "regularizer=r1_r2_approx"]
    assert holding(Setup()) == ["regularizer=r1"]


def test_penalties_for_few_data_are_added_to_those_that_are_there() -> None:
    assert held_level(Setup(weights={"r1": 1.0})) == ["regularizer=[r1,lecam]"]
    assert held_level(Setup(weights={"r1": 1.0, "r2": 1.0})) == ["regularizer=[r1_r2,lecam]"]
    assert held_level(Setup()) == ["regularizer=lecam"]
    assert held_level(Setup(weights={"r1": 1.0, "lecam": 0.3})) == []
    few, many = (against_overfitting(setup, {}) for setup in (FEW, MANY))
    assert "regularizer=lecam" in few
    assert not any("lecam" in piece for piece in many)


def test_term_that_would_begin_when_the_run_is_over_begins_earlier() -> None:
    assert held_level(Setup(num_steps=500)) == ["regularizer=lecam", "regularizer.lecam.start=100"]
    assert held_level(Setup(num_steps=50_000)) == ["regularizer=lecam"]


def test_consistency_is_advised_beside_spectral_norm_alone() -> None:
    assert consistent(Setup(critic_norm="spectral")) == ["regularizer=consistency"]
    for other in (Setup(), Setup(critic_norm="spectral", weights={"r1": 1.0}), Setup(is_image=False)):
        assert consistent(other) == []


@pytest.mark.parametrize("name", ["lecam", "consistency"])
def test_penalties_for_few_data_can_be_built(name: str) -> None:
    if not (Path(__file__).parents[2] / "conf" / "regularizer" / f"{name}.yaml").exists():
        pytest.skip(f"there is no regularizer={name}")
    norm = "none" if name == "lecam" else "spectral"
    settings = (
        "trainer=cpu",
        "data=digits",
        "model.width=8",
        "metric=none",
        f"model.discriminator.norm={norm}",
    )
    pieces = {
        "lecam": held_level(Setup(weights={"r1": 1.0}, num_steps=500)),
        "consistency": consistent(Setup(critic_norm="spectral")),
    }
    build_run(compose(*settings, *pieces[name]))


def test_advice_of_a_run_that_has_ada_can_be_built() -> None:
    settings = ("trainer=cpu", "data=digits", "model.width=8", "metric=none", "augment=ada")
    setup = Setup(has_augment=True, augment_target=0.6, augment_images=500_000, num_images=40_000)
    run = build_run(compose(*settings, *adaptively(setup)))
    assert run.task.augment.target == 0.5
    assert run.task.augment.adjust_images == 10_000
