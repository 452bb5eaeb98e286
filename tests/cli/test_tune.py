"""`tune.py` as a user gives it: every shipped space is sound, and a mistake is named before any work."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from searching import write_space

SPACES = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "tune").glob("*.yaml"))


@pytest.mark.parametrize("space", SPACES)
def test_every_point_of_a_shipped_space_can_be_trained(space: str, ganworks: Callable) -> None:
    result = ganworks("tune", f"tune={space}", "dry_run=true")
    assert result.code == 0, result.err
    assert "All points passed their checks" in result.out
    assert not Path("runs").exists()


def test_shipped_spaces_say_where_they_come_from() -> None:
    folder = Path(__file__).parents[2] / "conf" / "tune"
    assert len(SPACES) >= 6
    assert [name for name in SPACES if "arxiv" not in (folder / f"{name}.yaml").read_text().lower()] == []


MISTAKES = {
    "no space": ([], "tune=: must be one of "),
    "a space that is not there": (["tune=digit_lr"], "Did you mean 'digits_lr'?"),
    "an unknown setting": (["tune=digits_lr", "num_trails=3"], "Did you mean 'num_trials'?"),
    "an unknown pruner": (["tune=digits_lr", "pruner=hyperbend"], "Did you mean 'hyperband'?"),
    "no value": (["tune=digits_lr", "workers"], "'workers' is no setting: write name=value"),
    "no trials": (["tune=digits_lr", "num_trials=0"], "num_trials=0: must be an integer from 1 up"),
    "a name with a slash": (["tune=digits_lr", "name=a/b"], "name=a/b: must be a word"),
    "another kind of storage": (["tune=digits_lr", "storage=mysql://h/d"], "must be sqlite:///FILE or postgresql://"),
    "a storage that is no URL": (["tune=digits_lr", "storage=here"], "storage=here: must be a URL"),
    "a setting of train.py": (["tune=digits_lr", "model.with=8"], "there is no setting 'model.with'"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named_in_one_line_and_nothing_is_written(mistake: str, ganworks: Callable) -> None:
    arguments, words = MISTAKES[mistake]
    result = ganworks("tune", *arguments)
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert words in result.err
    assert not list(Path("runs").rglob("study.db"))


FAULTY = {
    "a setting that no loss brings": (
        {"regularizer.gradient_penalty.weight": {"log": [0.1, 10]}},
        "regularizer.gradient_penalty.weight",
    ),
    "a nearly right name": ({"model.widht": [8, 16]}, "Did you mean 'width'?"),
    "an option that is not there": ({"loss": ["bce", "hinged"]}, "Did you mean 'hinge'?"),
    "a pair that does not fit": (
        {"loss": ["wgan_gp"], "model.discriminator.norm": ["none", "batch"]},
        "model.discriminator.norm=batch",
    ),
    "an empty range": ({"optimizer.generator.lr": {"log": [1e-2, 1e-4]}}, "a range with low < high"),
    "a condition that never holds": (
        {"loss": ["bce"], "task.n_critic": {"int": [1, 5], "when": {"loss": "wgan"}}},
        "task.n_critic.when.loss=wgan",
    ),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_space_with_a_point_that_cannot_be_trained_is_refused(
    fault: str, ganworks: Callable, tmp_path: Path
) -> None:
    space, words = FAULTY[fault]
    conf = write_space(tmp_path, space=space)
    result = ganworks("tune", "--config-dir", str(conf), "tune=tiny")
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert words in result.err
    assert not Path("runs").exists()
    shutil.rmtree(conf)


def test_a_tilde_leaves_out_a_part_of_the_study_or_of_its_trials(ganworks: Callable) -> None:
    result = ganworks("tune", "tune=digits_lr", "dry_run=true", "~enqueue.recipe", "~callback.report")
    assert result.code == 0, result.err
    assert "ttur" in result.out
    assert "recipe" not in result.out


def test_help_says_every_setting(ganworks: Callable) -> None:
    result = ganworks("tune", "--help")
    assert result.code == 0
    assert {"num_trials", "workers", "storage", "pruner", "digits_lr"} <= set(
        result.out.replace(":", " ").replace(",", " ").split()
    )
