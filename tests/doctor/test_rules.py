"""Rules on synthetic signals: each begins where it should, once, and not on its control."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

from ganworks.doctor import RULES, Diagnosis, Rule, Setup
from ganworks.doctor.rules import BY_NAME

NUM_IMAGES = 100_000


def bad(rule: Rule) -> float:
    return rule.begin * 1.5 + 1 if rule.is_above else rule.begin / 2 - (rule.begin == 0)


def good(rule: Rule) -> float:
    return rule.clear / 2 if rule.is_above else rule.clear * 2


def diagnose(rule: Rule, values: list[float]) -> Diagnosis:
    """Show ``values`` evenly over a run."""
    diagnosis = Diagnosis(
        Setup(is_wasserstein=rule.name == "not-lipschitz", is_conditional=True), NUM_IMAGES, [rule]
    )
    for index, value in enumerate(values, 1):
        diagnosis.observe(index * NUM_IMAGES // len(values), {rule.signal: value})
    return diagnosis


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_begins_once_on_its_trouble_and_not_on_a_sound_run(rule: Rule) -> None:
    (episode,) = diagnose(rule, [bad(rule)] * 100).episodes
    assert episode.rule == rule.name
    assert episode.until is None
    assert rule.title in episode.message
    assert f"docs/doctor.md#{rule.name}" in episode.message
    assert diagnose(rule, [good(rule)] * 100).episodes == []
    assert diagnose(rule, [math.nan] * 100).episodes == []


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.num > 1], ids=lambda rule: rule.name)
def test_a_single_bad_value_is_no_episode(rule: Rule) -> None:
    values = [good(rule)] * 100
    values[50] = bad(rule)
    assert diagnose(rule, values).episodes == []


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.num > 1], ids=lambda rule: rule.name)
def test_an_episode_ends_when_the_trouble_has_cleared_and_may_come_back(rule: Rule) -> None:
    third = 40
    values = [bad(rule)] * third + [good(rule)] * third + [bad(rule)] * third
    first, second = diagnose(rule, values).episodes
    assert first.since < first.until < second.since  # type: ignore[operator]
    assert second.until is None


def test_between_the_two_thresholds_nothing_changes() -> None:
    (rule,) = (rule for rule in RULES if rule.name == "mode-collapse")
    between = (rule.begin + rule.clear) / 2
    assert diagnose(rule, [good(rule)] * 50 + [between] * 50).episodes == []
    (episode,) = diagnose(rule, [bad(rule)] * 50 + [between] * 50).episodes
    assert episode.until is None


def test_a_diagnosis_goes_on_after_a_resume_as_if_there_had_been_none() -> None:
    values = [0.9] * 30 + [0.2] * 40 + [0.9] * 30
    (rule,) = (rule for rule in RULES if rule.name == "mode-collapse")
    whole = diagnose(rule, values)
    diagnosis = Diagnosis(Setup(), NUM_IMAGES, [rule])
    for index, value in enumerate(values, 1):
        if index == 31:  # in the middle of the wait for an episode
            state = json.loads(json.dumps(diagnosis.state_dict()))
            diagnosis = Diagnosis(Setup(), NUM_IMAGES, [rule])
            diagnosis.load_state_dict(state)
        diagnosis.observe(index * NUM_IMAGES // 100, {rule.signal: value})
    whole_again = diagnose(rule, values)
    assert [dataclasses.asdict(e) for e in whole.episodes] == [
        dataclasses.asdict(e) for e in whole_again.episodes
    ]
    assert [e.since for e in diagnosis.episodes] == [e.since for e in whole.episodes]


def test_the_words_are_those_of_the_guide() -> None:
    (rule,) = (rule for rule in RULES if rule.name == "mode-collapse")
    diagnosis = Diagnosis(Setup(lr={"generator": 2e-4, "discriminator": 2e-4}), NUM_IMAGES, [rule])
    for images in range(1_000, 60_000, 1_000):
        diagnosis.observe(images, {"diversity": 0.31 if images >= 46_000 else 0.9})
    (episode,) = diagnosis.episodes
    start = "mode collapse: samples' mean pair distance is .31 of the data's since 48k images; try loss=r3gan"
    assert episode.message.startswith(start)
    assert episode.message.endswith("(docs/doctor.md#mode-collapse)")
    first, second, *others = episode.advice.split(" or ")
    assert f"; try {first} or {second} (" in episode.message
    assert others
    assert diagnosis.verdict == "Mode collapse (since 48k images)."


def test_rules_about_one_kind_of_run_leave_others_alone() -> None:
    names = {rule.name for rule in Diagnosis(Setup(is_wasserstein=False, is_image=False), NUM_IMAGES).rules}
    assert not names & {"not-lipschitz", "data-range", "random-labels"}


def test_a_coverage_that_still_grows_is_no_trouble_and_one_that_stays_is() -> None:
    (rule,) = (rule for rule in RULES if rule.name == "low-coverage")
    assert diagnose(rule, [0.05 * n for n in range(10)]).episodes == []
    (episode,) = diagnose(rule, [0.0, 0.01, 0.02, 0.02, 0.025, 0.02]).episodes
    assert episode.since > 0


def test_no_progress_is_said_of_a_run_that_nothing_else_explains() -> None:
    rules = [BY_NAME["duplicates"], BY_NAME["no-progress"]]
    alone, explained = Diagnosis(Setup(), NUM_IMAGES, rules), Diagnosis(Setup(), NUM_IMAGES, rules)
    for images in range(0, NUM_IMAGES, NUM_IMAGES // 100):
        alone.observe(images, {"energy_distance": 0.4, "nearest_ratio": 1.0})
        explained.observe(
            images, {"energy_distance": 0.4, "nearest_ratio": 0.0 if images < NUM_IMAGES // 2 else 1.0}
        )
    assert [episode.rule for episode in alone.episodes] == ["no-progress"]
    first, second = explained.episodes
    assert (first.rule, second.rule) == ("duplicates", "no-progress")
    assert alone.episodes[0].since < first.until


def test_the_guide_has_a_heading_and_the_thresholds_of_every_rule() -> None:
    text = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    for rule in RULES:
        assert f"\n### {rule.name}\n" in text
        assert f"(#{rule.name}) | `{rule.signal}` | {'>' if rule.is_above else '<'} {rule.begin:g} |" in text
