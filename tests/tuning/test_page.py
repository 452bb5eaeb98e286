"""The page of a search shows every trial as what it is, partway too, and a browser has nothing to complain of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import optuna
import pytest

from browser import Reader, chromium
from ganworks.tuning import plots
from ganworks.tuning.page import commands, write_page
from ganworks.tuning.trials import best_so_far, importances, ranked, trials_of
from studies import NUM_IMAGES, RANGES, study_of

REPLICATES = [
    {
        "trial": 4,
        "overrides": ["a=1"],
        "seeds": [1, 2],
        "values": [2.0, 3.0],
        "mean": 2.5,
        "deviation": 0.7071,
    },
    {"trial": 1, "overrides": ["a=2"], "seeds": [1], "values": [3.5], "mean": 3.5, "deviation": None},
]
HOSTILE = "</script><script>alert(1)</script><b onmouseover=alert(1)>"


def table(path: Path, heading: str) -> list[list[str]]:
    """The rows of the table in the section with an id."""
    section = path.read_text().split(f'<section id="{heading}">')[1].split("</section>")[0]
    found = re.findall(r"<tr.*?</tr>", section, flags=re.S)
    cells = [re.findall(r"<t[hd].*?</t[hd]>", row, flags=re.S) for row in found]
    return [[unescape(re.sub(r"<.*?>", "", cell)) for cell in row] for row in cells]


def by_hand(values: list[float | None], images: list[int], direction: str = "minimize") -> optuna.Study:
    """A study of trials with these values in this order; None was pruned."""
    study = optuna.create_study(direction=direction)
    for value, seen in zip(values, images, strict=True):
        trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
        trial.set_user_attr("images_seen", seen)
        trial.report(7.0, seen)
        study.tell(trial, value, state=optuna.trial.TrialState.PRUNED if value is None else None)
    return study


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(study_of(40, replicates=REPLICATES), tmp_path_factory.mktemp("study") / "report.html")


def test_best_so_far_counts_the_images_of_all_and_the_values_of_those_that_finished() -> None:
    trials = trials_of(by_hand([5.0, None, 6.0, 3.0], [10, 2, 10, 10]))
    found = [(place, images, best) for place, images, _, best in best_so_far(trials, minimize=True)]
    assert found == [(1, 10, 5.0), (2, 12, 5.0), (3, 22, 5.0), (4, 32, 3.0)]
    up = trials_of(by_hand([5.0, None, 6.0, 3.0], [10, 2, 10, 10], "maximize"))
    assert [best for _, _, _, best in best_so_far(up, minimize=False)] == [5.0, 5.0, 6.0, 6.0]


def test_failed_trials_have_no_value_whatever_the_sampler_was_told() -> None:
    trials = trials_of(study_of(15))
    failed = [trial for trial in trials if trial.status in ("diverged", "collapsed", "crashed")]
    assert [(trial.number, trial.value) for trial in failed] == [(6, None), (9, None), (12, None)]
    assert study_of(15).trials[6].value == 500  # control: what Optuna holds for them
    assert all(trial.is_sound for trial in ranked(trials, minimize=True)[:5])


def test_importances_find_the_parameter_that_matters_and_wait_for_enough_trials() -> None:
    study = study_of(40)
    shares = importances(study, trials_of(study))
    assert sum(shares.values()) == pytest.approx(1)
    assert set(shares) == set(RANGES)
    assert shares["optimizer.generator.lr"] > 0.8  # all the others have no part in the value
    assert importances(study_of(8), trials_of(study_of(8))) == {}


def test_table_has_every_trial_the_best_first(page: Path) -> None:
    head, *rows = table(page, "trials")
    assert head[:4] == ["trial", "status", "fd_digits", "images"]
    assert len(rows) == 40
    finished = [float(row[2]) for row in rows if row[1] == "finished"]
    assert finished == sorted(finished)
    assert [row[1] for row in rows[: len(finished)]] == ["finished"] * len(finished)
    (crashed,) = [row for row in rows if row[1] == "crashed"]
    assert "RuntimeError: out of memory" in crashed[5]


def test_trials_link_to_their_reports_by_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = optuna.create_study()
    for folder in ("trials/0000", "trials/00 1"):
        (tmp_path / "study" / folder).mkdir(parents=True)
        trial = study.ask()
        trial.set_user_attr("run_dir", f"study/{folder}")
        study.tell(trial, 1.0)
    (tmp_path / "study" / "trials" / "00 1" / "report.html").touch()
    text = write_page(study, tmp_path / "study" / "report.html").read_text()
    assert re.findall(r'<a href="([^"]*)"', text) == ["trials/00%201/report.html"]  # the other has no report


def test_best_command_is_that_of_the_best_mean_over_seeds(page: Path) -> None:
    text = unescape(page.read_text())
    assert re.search(r"Train the best</span><code>\S+(?: train.py)? a=1<", text)
    assert "python tune.py tune=digits_lr" in text
    assert table(page, "replicates")[1:] == [
        ["4", "2.5", "0.7071", "2, 3", "1, 2", "a=1"],
        ["1", "3.5", "–", "3.5", "1", "a=2"],
    ]
    study = study_of(4)
    best = ranked(trials_of(study), minimize=True)[0]
    (train, _) = commands(study.user_attrs, best)  # without seeds it is the best trial's
    assert all(override in train[1] for override in best.facts["overrides"])


def test_pruned_trials_look_pruned(page: Path) -> None:
    text = page.read_text()
    pruned = sum(trial.status == "pruned" for trial in trials_of(study_of(40)))
    assert text.count('class="path pruned"') == pruned > 5
    assert text.count('class="job pruned"') == pruned
    assert text.count('class="path best"') == 2  # in the learning curves and the parallel coordinates


def test_progress_is_told_in_trials_and_images(page: Path) -> None:
    trained = sum(trial.images_seen for trial in trials_of(study_of(40)))
    assert f"{trained:,} images trained, {trained / (40 * NUM_IMAGES):.0%} of what" in page.read_text()
    assert "40 of 40 trials: 24 finished, 13 pruned, 1 diverged, 1 crashed, 1 collapsed" in page.read_text()


@pytest.mark.parametrize("num_trials", [0, 1, 2, 5, 13])
def test_page_is_written_partway(num_trials: int, tmp_path: Path) -> None:
    text = write_page(study_of(num_trials), tmp_path / "page.html").read_text()
    assert ("No trial has finished yet" in text) == (num_trials == 0)
    assert not re.search(r"[MLH\" ](nan|inf)\b", text.split("</style>")[1])


def test_running_waiting_and_interrupted_trials_are_shown_as_such(tmp_path: Path) -> None:
    study = study_of(3)
    study.enqueue_trial({})
    lost = study.ask(RANGES)
    lost.set_user_attr("status", "interrupted")
    study.tell(lost, state=optuna.trial.TrialState.FAIL)
    running = study.ask(RANGES)
    running.set_user_attr("status", "running")
    running.report(9.0, 6000)
    study.enqueue_trial({})
    path = write_page(study, tmp_path / "page.html")
    status = {row[0]: row[1:3] for row in table(path, "trials")[1:]}
    assert status["3"] == ["interrupted", "–"]
    assert status["4"] == ["running", "9"]
    assert "5" not in status  # it waits


def test_study_without_any_attributes_has_a_page(tmp_path: Path) -> None:
    study = optuna.create_study()
    study.optimize(
        lambda trial: trial.suggest_float("x", 0, 1) ** 2 + trial.suggest_int("n", 1, 3), n_trials=12
    )
    text = write_page(study, tmp_path / "page.html").read_text()
    assert "12 trials: 12 finished" in text
    assert 'class="bar"' in text


def test_figures_that_are_not_finite_do_no_harm(tmp_path: Path) -> None:
    study = by_hand([1.0, float("inf"), -3.0], [10, 10, 10])
    text = write_page(study, tmp_path / "page.html").read_text()
    assert not re.search(r"[MLH\" ](nan|inf)\b", text.split("</style>")[1])


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    study = study_of(3, name=HOSTILE, metric=HOSTILE, command=HOSTILE, replicates=[{"overrides": [HOSTILE]}])
    trial = study.ask({HOSTILE: optuna.distributions.CategoricalDistribution([HOSTILE])})
    for name in ("error", "worker", "status", "run_dir"):
        trial.set_user_attr(name, HOSTILE)
    trial.set_user_attr("overrides", [HOSTILE])
    study.tell(trial, 1.0)
    text = write_page(study, tmp_path / "page.html").read_text()
    assert "<b onmouseover" not in text
    assert text.count("<script>") == 1


def test_thousand_trials_stay_below_three_megabytes(tmp_path: Path) -> None:
    assert write_page(study_of(1000), tmp_path / "page.html").stat().st_size < 3_000_000


def test_axis_of_a_parameter_is_its_range() -> None:
    axis = plots.axis_of(RANGES["optimizer.generator.lr"], 0, 100)
    assert (axis(1e-4), axis(2e-2)) == (0, pytest.approx(100))
    assert axis(2**0.5 * 1e-3) == pytest.approx(50)  # logarithmic: the middle is the geometric mean
    assert [label for _, label in axis.labels()] == ["10⁻⁴", "0.001", "0.01"]
    axis = plots.axis_of(RANGES["regularizer"], 0, 100)
    assert (axis("none"), axis("r1")) == (25, 75)
    assert axis.labels() == [(25, "none"), (75, "r1")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.mark.parametrize("num_trials", [0, 40])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_browser_complains_of_nothing_and_the_page_fits_the_window(
    browser: Any, tmp_path: Path, num_trials: int, width: int, scheme: str
) -> None:
    study = study_of(num_trials, name="a_name_without_any_place_to_break_it_" * 4)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    read = Reader(context.new_page()).open(write_page(study, tmp_path / "page.html"))
    read.page.mouse.move(width / 2, 400)
    assert read.overflow <= 0
    assert read.complaints == []
    context.close()


def test_no_password_reaches_the_page_the_database_or_the_terminal(tmp_path: Path, ganworks: Any) -> None:
    study = optuna.create_study(study_name="old")
    command = "tune.py tune=x storage=postgresql://me:S3cr:t@host/db?password=S3cr:t"
    study.set_user_attr("command", command)
    page = write_page(study, tmp_path / "report.html").read_text()
    assert "S3cr" not in page
    assert "postgresql://me:***@host/db" in page
    for storage in (
        "postgresql://me:S3cr:t@127.0.0.1:1/db",
        "mysql://me:S3cr:t@h/db",
        "no://me:S3cr:t@h:x/db",
    ):
        result = ganworks("tune", "tune=digits_lr", f"storage='{storage}'", "report=true")
        assert result.code == 1
        assert "S3cr" not in result.out + result.err
