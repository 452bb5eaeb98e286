"""The doctor beside real runs: it changes nothing, names what is sick, survives a resume, treats divergence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ganworks.callback.doctor import interval
from ganworks.logger import read_metrics
from running import checkpoint, compose, differences, train, train_apart, train_on

SHORT = ["num_images=1280", "trainer.log_every_n_steps=4"]
SICK = ["optimizer.discriminator.lr=1e30", "optimizer.generator.lr=1e30", "task.patience=2"]


def doctor_of(run_dir: Path) -> dict[str, Any]:
    return json.loads((run_dir / "summary.json").read_text())["doctor"]


def test_a_short_run_is_looked_at_more_often() -> None:
    assert [interval(50, num_steps) for num_steps in (None, 100_000, 2_000, 375, 10)] == [50, 50, 50, 9, 1]


@pytest.mark.parametrize(
    ("setting", "num_looks"), [(None, 40), (20, 2)], ids=["its own choice", "as it is told"]
)
def test_looks_come_at_the_interval(setting: int | None, num_looks: int, tmp_path: Path) -> None:
    overrides = [] if setting is None else [f"callback.doctor.every_n_steps={setting}"]
    train(tmp_path, "num_images=2560", "data.batch_size=64", "metric=none", *overrides)
    looks = [row for row in read_metrics(tmp_path / "metrics.csv") if "doctor/auc" in row]
    assert len(looks) == num_looks


@pytest.mark.parametrize(
    "overrides",
    [
        ["loss=bce"],
        ["loss=wgan_gp"],
        ["loss=hinge", "model.discriminator.norm=spectral", "model.conditional=true", "augment=diffaugment"],
        ["data=ring", "loss=r3gan"],
    ],
    ids=lambda overrides: overrides[0],
)
def test_a_run_with_the_doctor_equals_one_without_to_the_bit(overrides: list[str], tmp_path: Path) -> None:
    train(tmp_path / "with", *SHORT, *overrides)
    train(tmp_path / "without", *SHORT, *overrides, "~callback.doctor")
    one, other = checkpoint(tmp_path / "with"), checkpoint(tmp_path / "without")
    for key in ("state_dict", "optimizer_states", "time"):
        assert differences(one[key], other[key]) == []
    columns = {name for row in read_metrics(tmp_path / "with" / "metrics.csv") for name in row}
    assert {"doctor/auc", "doctor/diversity", "doctor/generator_update_ratio"} <= columns
    assert "doctor" not in json.loads((tmp_path / "without" / "summary.json").read_text())


def test_a_collapsed_run_is_named_once_on_the_terminal_and_in_the_summary(tmp_path: Path) -> None:
    constant = "+callback.collapse={_target_: running.Collapse}"
    run = train_apart(
        tmp_path / "run", "num_images=6400", "trainer.log_every_n_steps=2", "loss=bce", constant
    )
    assert run.returncode == 0, run.stderr
    (episode,) = [e for e in doctor_of(tmp_path / "run")["episodes"] if e["rule"] == "mode-collapse"]
    assert episode["value"] < episode["threshold"]
    said = [line for line in (run.stdout + run.stderr).splitlines() if "doctor: mode collapse: " in line]
    assert len(said) == 1
    assert episode["message"] in said[0]


def test_a_resumed_run_keeps_its_episodes_and_says_none_again(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    train(
        run_dir,
        "num_images=1280",
        "trainer.log_every_n_steps=2",
        "optimizer.generator.lr=1",
        "trainer.max_steps=12",
    )
    before = doctor_of(run_dir)["episodes"]
    assert before
    train_on(run_dir, "trainer.max_steps=-1")
    after = doctor_of(run_dir)["episodes"]
    assert [(e["rule"], e["since"]) for e in after[: len(before)]] == [
        (e["rule"], e["since"]) for e in before
    ]
    lasting = [e["rule"] for e in after if e["until"] is None]
    assert len(lasting) == len(set(lasting))


def test_divergence_ends_a_run_with_its_name(tmp_path: Path) -> None:
    assert train(tmp_path / "run", *SHORT, *SICK).status == "diverged"
    (episode,) = [e for e in doctor_of(tmp_path / "run")["episodes"] if e["rule"] == "not-finite"]
    assert episode["severity"] == "error"


def test_restore_goes_back_to_the_last_good_checkpoint_with_lower_rates_and_the_clock_goes_on(
    tmp_path: Path,
) -> None:
    run_dir = tmp_path / "run"
    spoil = "+callback.spoil={_target_: running.SpoilAt, images: 640}"
    options = [
        "callback.doctor.on_divergence=restore",
        "callback.checkpoint.every_images=320",
        "task.patience=2",
    ]
    assert train(run_dir, *SHORT, *options, spoil).status == "finished"
    found = doctor_of(run_dir)
    assert found["restores"] == 1
    (episode,) = [e for e in found["episodes"] if e["rule"] == "not-finite"]
    assert 640 <= episode["since"] <= episode["until"] < 1280
    rows = read_metrics(run_dir / "metrics.csv")
    rates = [row["train/generator/lr"] for row in rows if "train/generator/lr" in row]
    assert rates[-1] == pytest.approx(rates[0] / 2)
    assert [row["images_seen"] for row in rows] == sorted({row["images_seen"] for row in rows})
    assert all(bool(t.isfinite().all()) for t in checkpoint(run_dir)["state_dict"].values())


def test_restores_come_to_an_end(tmp_path: Path) -> None:
    options = [
        "callback.doctor.on_divergence=restore",
        "callback.doctor.max_restores=1",
        "callback.checkpoint.every_images=320",
    ]
    spoil = "+callback.spoil={_target_: running.SpoilAt, images: 640, every: true}"
    assert train(tmp_path / "run", "num_images=6400", *options, "task.patience=2", spoil).status == "diverged"
    assert doctor_of(tmp_path / "run")["restores"] == 1


def test_continue_goes_on_and_saves_nothing_broken(tmp_path: Path) -> None:
    options = [
        "callback.doctor.on_divergence=continue",
        "callback.checkpoint.every_images=320",
        "task.patience=2",
    ]
    spoil = "+callback.spoil={_target_: running.SpoilAt, images: 640}"
    outcome = train(tmp_path / "run", *SHORT, *options, spoil)
    assert outcome.status == "finished"
    assert checkpoint(tmp_path / "run")["time"]["images_seen"] <= 640
    assert [e["rule"] for e in doctor_of(tmp_path / "run")["episodes"]].count("not-finite") == 1


def test_two_devices_have_one_doctor(tmp_path: Path) -> None:
    run = train_apart(tmp_path / "run", *SHORT, "trainer.devices=2", "callback.doctor.on_divergence=restore")
    assert run.returncode == 0, run.stdout + run.stderr
    assert doctor_of(tmp_path / "run")["verdict"]
    assert (run.stdout + run.stderr).count("doctor: ") == len(doctor_of(tmp_path / "run")["episodes"]) + 1


@pytest.mark.parametrize("option", ["basic", "doctor", "default"])
def test_the_options_of_callback_are_what_they_say(option: str) -> None:
    names = set(compose(f"callback={option}").callback)
    basic = {"sample_grid", "progress", "checkpoint"}
    assert names == basic | {"basic": set(), "doctor": {"doctor"}, "default": {"doctor", "report"}}[option]
