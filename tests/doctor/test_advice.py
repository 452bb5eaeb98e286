"""What is advised can be built, fits the settings and what was seen, and is nothing that is there already."""

from __future__ import annotations

import pytest

from ganworks.doctor import RULES, Diagnosis, Setup
from ganworks.doctor.advice import (
    SOUND,
    Signals,
    against_memory,
    heavier,
    mended,
    paired,
    sound_rates,
    stop_earlier,
)
from ganworks.run.build import build_run
from running import compose

RATES = {"generator": 2e-4, "discriminator": 2e-4}
SETTINGS = {
    "plain": ([], Setup(critic_norm="batch", lr=RATES, momentum=dict.fromkeys(RATES, 0.5))),
    "Wasserstein without a penalty": (
        ["loss=wgan", "regularizer=none", "model.discriminator.norm=none"],
        Setup(is_wasserstein=True, lr=RATES),
    ),
    "saturating, with momentum": (
        ["loss=minimax", "optimizer.generator.betas.0=0.9"],
        Setup(is_saturating=True, critic_norm="batch", lr=RATES, momentum={"generator": 0.9}),
    ),
    "a heavy penalty": (
        ["regularizer=r1", "regularizer.r1.weight=1e4"],
        Setup(weights={"r1": 1e4}, lr=RATES),
    ),
    "all of it": (
        [
            *("loss=r3gan", "augment=diffaugment", "task.gradient_clip=1", "model.conditional=true"),
            "model.discriminator.norm=spectral",
        ],
        Setup(
            *(True, True), is_conditional=True, critic_norm="spectral", has_augment=True, is_clipped=True,
            num_samples=100, weights={"r1": 1.0, "r2": 1.0}, lr=RATES,
        ),
    ),
}  # fmt: skip
SEEN = {
    "nothing": {},
    "updates too large": {"generator_update_ratio": 0.9, "discriminator_update_ratio": 0.5},
    "updates too small": {"generator_update_ratio": 1e-6, "discriminator_update_ratio": 1e-6},
    "penalty alone": {"penalty_share": 0.99},
}


def advised(setup: Setup, signals: Signals) -> list[str]:
    """Return all pieces of advice of all rules but one, which never speaks with settings that the commands take."""
    rules = [rule for rule in RULES if rule.applies(setup) and rule.name != "penalised-batch-norm"]
    return list(dict.fromkeys(piece for rule in rules for piece in rule.advice(setup, signals)))


def rates(generator: float, discriminator: float) -> Signals:
    return {"generator_update_ratio": generator, "discriminator_update_ratio": discriminator}


@pytest.mark.parametrize("name", SETTINGS)
def test_everything_that_is_advised_can_be_built(name: str) -> None:
    settings, setup = SETTINGS[name]
    pieces = {piece for seen in SEEN.values() for piece in advised(setup, seen)}
    assert len(pieces) >= 8
    for piece in pieces:
        build_run(compose("trainer=cpu", "model.width=8", "metric=none", *settings, *piece.split()))


@pytest.mark.parametrize("name", SETTINGS)
def test_nothing_is_advised_that_is_there_already(name: str) -> None:
    settings, setup = SETTINGS[name]
    known = {override for piece in advised(setup, {}) for override in piece.split()}
    assert not known & set(settings)


@pytest.mark.parametrize(
    ("lr", "ratio", "advised_lr"),
    [(0.2, 1.0, 0.002), (2e-7, 2e-6, 1e-3), (1e-3, 1e-4, 1e-2), (2e-3, 0.012, None), (2e-3, 0.03, None)],
    ids=["too large", "too small", "as far as is sound", "sound", "a little large"],
)
def test_rates_bring_updates_to_a_hundredth_of_the_weights(
    lr: float, ratio: float, advised_lr: float | None
) -> None:
    setup = Setup(lr={"generator": lr}, momentum={"generator": 0.0})
    found = sound_rates(setup, {"generator_update_ratio": ratio})
    assert found == ([] if advised_lr is None else [f"optimizer.generator.lr={advised_lr:g}"])
    if advised_lr is not None and advised_lr < 1e-2:
        assert ratio * advised_lr / lr == pytest.approx(SOUND["generator"])


def test_rate_that_a_schedule_has_lowered_is_judged_at_its_first_value() -> None:
    setup = Setup(lr={"generator": 1e-3})
    assert sound_rates(setup, {"generator_update_ratio": 1e-5}) == ["optimizer.generator.lr=1"]
    assert sound_rates(setup, {"generator_update_ratio": 1e-5, "generator_lr_factor": 1e-3}) == []


def test_smaller_updates_are_sound_in_a_longer_run() -> None:
    seen = rates(1e-3, 2e-3)
    short, long = (Setup(lr=RATES, num_steps=num) for num in (500, 100_000))
    assert sound_rates(short, seen) == ["optimizer.generator.lr=0.002", "optimizer.discriminator.lr=0.002"]
    assert sound_rates(long, seen) == []
    assert sound_rates(long, rates(1e-5, 2e-5)) == [
        "optimizer.generator.lr=0.02",
        "optimizer.discriminator.lr=0.02",
    ]


def test_rate_of_the_generator_is_not_raised_where_samples_have_collapsed() -> None:
    setup = Setup(lr=RATES)
    slower, faster = "optimizer.discriminator.lr=8e-06", "optimizer.generator.lr=0.02"
    assert sound_rates(setup, rates(1e-4, 0.5)) == [faster, slower]
    assert sound_rates(setup, rates(1e-4, 0.5), may_raise=False) == [slower]


def test_network_that_runs_away_from_the_other_is_brought_back() -> None:
    setup = Setup(lr={"generator": 1e-3, "discriminator": 1e-3})
    assert sound_rates(setup, rates(0.004, 0.05)) == [
        "optimizer.generator.lr=0.003", "optimizer.discriminator.lr=0.0004",
    ]  # fmt: skip
    assert sound_rates(setup, rates(0.021, 0.005), may_raise=False) == [
        "optimizer.generator.lr=0.0005", "optimizer.discriminator.lr=0.004",
    ]  # fmt: skip
    assert sound_rates(setup, rates(0.01, 0.05)) == []


def test_largest_update_counts_where_the_weights_have_grown_since() -> None:
    setup = Setup(lr={"generator": 0.1})
    diagnosis = Diagnosis(setup, 1_000)
    for images, ratio in ((0, 0.4), (100, 0.2), (200, 1e-3)):
        diagnosis.observe(images, {"generator_update_ratio": ratio})
    again = Diagnosis(setup, 1_000)
    again.load_state_dict(diagnosis.state_dict())
    for known in (diagnosis, again):
        assert sound_rates(setup, known.latest) == ["optimizer.generator.lr=0.003"]
    assert sound_rates(setup, {"generator_update_ratio": 1e-3}) == ["optimizer.generator.lr=1"]


def test_updates_of_a_discriminator_that_has_won_are_no_reason_to_speed_it_up() -> None:
    setup, seen = Setup(lr=RATES), rates(1e-4, 1e-4)
    assert sound_rates(setup, {**seen, "auc": 0.9})[1:] == ["optimizer.discriminator.lr=0.04"]
    assert sound_rates(setup, {**seen, "auc": 1.0}) == ["optimizer.generator.lr=0.02"]


def test_updates_that_a_saturated_loss_gives_raise_a_rate_by_ten_at_most() -> None:
    setup = Setup(lr={"generator": 1e-5})
    assert sound_rates(setup, rates(1e-6, 0)) == ["optimizer.generator.lr=0.1"]
    assert sound_rates(setup, {**rates(1e-6, 0), "generator_slope": 1e-3}) == [
        "optimizer.generator.lr=0.0001"
    ]


def test_everything_that_is_unsound_is_mended_together() -> None:
    setup = Setup(is_saturating=True, critic_norm="batch", lr={"generator": 0.2}, momentum={"generator": 0.9})
    known = mended(setup, {"generator_update_ratio": 1.0})
    assert known == [
        *("loss=bce", "regularizer=r1", "model.discriminator.norm=none"),
        *("optimizer.generator.betas.0=0.5", "optimizer.generator.lr=0.002"),
    ]
    assert mended(Setup(weights={"r1": 1.0}, lr=RATES), rates(0.01, 0.02)) == []


def test_penalty_of_a_wasserstein_critic_is_the_one_that_makes_its_slope_1() -> None:
    for weights in ({}, {"weight_clip": None}, {"r1": 1.0}):
        assert mended(Setup(is_wasserstein=True, weights=weights), {})[0] == "regularizer=gradient_penalty"
    assert mended(Setup(is_wasserstein=True, weights={"gradient_penalty": 10.0}), {}) == []


def test_penalty_out_of_all_proportion_comes_back_to_what_is_usual() -> None:
    assert mended(Setup(weights={"r1": 1e5}), {}) == ["regularizer.r1.weight=10"]
    assert mended(Setup(weights={"r1": 5.0}), {"penalty_share": 0.9}) == ["regularizer.r1.weight=0.5"]
    assert mended(Setup(weights={"r1": 5.0}), {"penalty_share": 0.1}) == []


def test_penalty_is_made_heavier_up_to_what_is_usual() -> None:
    assert heavier(Setup(weights={"r1": 0.1, "r2": 5.0}), {}) == [
        "regularizer.r1.weight=1", "regularizer.r2.weight=10",
    ]  # fmt: skip
    assert heavier(Setup(weights={"r1": 10.0}), {}) == heavier(Setup(weights={"r1": None}), {}) == []
    assert heavier(Setup(weights={"r1": 1.0}), {"penalty_share": 0.5}) == []


def test_pairing_brings_its_penalties() -> None:
    assert paired(Setup(weights={"r1": 1.0}), {}) == ["loss=r3gan", "regularizer=r1_r2"]
    assert paired(Setup(is_relativistic=True, weights={"r1": 1.0, "r2": 1.0}), {}) == []


def test_augmentation_that_adapts_is_advised_against_overfitting_where_there_is_none() -> None:
    for advice in (against_memory, stop_earlier):
        assert "augment=ada" in advice(Setup(), {})
        assert "augment=ada" not in advice(Setup(has_augment=True), {})
        assert "augment=ada" not in advice(Setup(is_image=False), {})
