"""The table of runs has all of them, in whatever state they are, and says of each what matters."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ganworks.run.compose import compose
from ganworks.runs.find import located, runs_below
from ganworks.runs.listing import matching, ordered
from ganworks.runs.overview import differs, in_short

Command = Callable[..., str]


def names(text: str) -> list[str]:
    """The runs of a printed table."""
    return [line.split()[0] for line in text.splitlines() if "2026-" in line]


def test_runs_are_listed_with_status_images_best_figure_and_what_differs(command: Command) -> None:
    text = command("list")
    rows = {line.split()[0]: line for line in text.splitlines() if "2026-" in line}
    assert list(rows) == [
        "faces/multirun/2026-01-03_10-00-00/0",
        "digits/2026-01-02_10-00-00",
        "digits/2026-01-01_10-00-00",
        "killed/2026-01-04_10-00-00",
        "damaged/2026-01-05_10-00-00",
    ]
    second = rows["digits/2026-01-02_10-00-00"]
    assert "finished" in second
    assert "10k" in second
    assert "fd_digits 0.75 at 6k" in second
    assert "data.batch_size=128" in second
    assert "seed=3" in second
    assert "seed" not in rows["digits/2026-01-01_10-00-00"]  # control: that of the default


def test_run_that_was_killed_is_silent_and_shows_its_last_figure(command: Command) -> None:
    (line,) = [line for line in command("list").splitlines() if line.startswith("killed")]
    assert "silent 2 h" in line
    assert "10k of 20k" in line
    assert "fd_digits 20 last, at 10k" in line


def test_damaged_run_does_not_keep_the_others_from_being_listed(command: Command) -> None:
    (line,) = [line for line in command("list").splitlines() if line.startswith("damaged")]
    assert line.split()[1] == "damaged"


def test_trials_of_a_search_are_listed_where_they_are_asked_for(command: Command) -> None:
    assert "study" not in command("list")
    assert names(command("list", "runs/tune")) == []  # their folders have no date
    assert "study/trials/0" in command("list", "runs/tune")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["status=failed,silent"], ["faces", "killed"]),
        (["name=digits"], ["digits", "digits"]),
        (["name=*/2026-01-01*"], ["digits"]),
        (["sort=name"], ["damaged", "digits", "digits", "faces", "killed"]),
        (["sort=best"], ["digits", "digits", "faces", "killed", "damaged"]),
        (["num=2"], ["faces", "digits"]),
    ],
)
def test_runs_are_chosen_and_ordered(command: Command, arguments: list[str], expected: list[str]) -> None:
    assert [name.partition("/")[0] for name in names(command("list", *arguments))] == expected


def test_best_of_a_figure_that_is_good_where_it_is_high_comes_first(runs: Path) -> None:
    found = [run for run in matching(runs) if run.name.startswith("digits")]
    low = ordered(list(found), "best")
    for run in found:
        run.is_low = False
    assert [run.name for run in ordered(found, "best")] == [run.name for run in low][::-1]


def with_summary(run: Path, **entries: object) -> None:
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    (run / "summary.json").write_text(json.dumps({**summary, **entries}), encoding="utf-8")


@pytest.mark.parametrize(("mode", "first"), [("min", "2026-01-02"), ("max", "2026-01-01")])
def test_direction_of_a_figure_is_the_one_that_the_run_has_noted(runs: Path, mode: str, first: str) -> None:
    for day, value in (("01", 0.9), ("02", 0.75)):  # each its run's last too: nothing to guess by
        best = {"metric": "fd_digits", "value": value, "images_seen": 6_000}
        figures = {"metrics": {"fd_digits": value}, "monitor": {"metric": "fd_digits", "mode": mode}}
        with_summary(runs / "digits" / f"2026-01-{day}_10-00-00", best=best, **figures)
    found = [run for run in matching(runs) if run.name.startswith("digits")]
    assert ordered(found, "best")[0].name == f"digits/{first}_10-00-00"


def test_run_that_goes_on_shows_the_figure_that_picks_its_best_checkpoint(
    command: Command, runs: Path
) -> None:
    run = runs / "killed" / "2026-01-04_10-00-00"
    with_summary(run, monitor={"metric": "recall", "mode": "max"})
    (run / "metrics.csv").write_text(
        "images_seen,metric/fd_digits,metric/recall\n64,9.0,0.5\n", encoding="utf-8"
    )
    (line,) = [line for line in command("list").splitlines() if line.startswith("killed")]
    assert "recall 0.5 last, at 64" in line


def test_copies_of_trackers_are_no_runs(command: Command, runs: Path) -> None:
    before = command("list")
    for folder in ("mlartifacts/0f3c/artifacts", "wandb/offline-run-1/files"):
        shutil.copytree(runs / "digits" / "2026-01-01_10-00-00", runs / folder)
    assert command("list") == before


def test_settings_of_the_record_do_not_tell_runs_apart(command: Command, runs: Path) -> None:
    config = runs / "digits" / "2026-01-01_10-00-00" / "config.yaml"
    text = config.read_text(encoding="utf-8") + "logger: {wandb: {_target_: a.WandbLogger, group: losses}}\n"
    config.write_text(text, encoding="utf-8")
    assert "losses" not in command("list")
    assert "losses" in command("show", "2026-01-01_10-00-00")  # control: there in full


def test_table_says_how_many_more_there_are(command: Command) -> None:
    assert "3 more: num=5" in command("list", "num=2")
    assert "more" not in command("list")


def test_what_all_runs_have_set_stands_once(command: Command) -> None:
    text = command("list", "name=digits")
    assert text.count("num_images=10_000") == 1
    assert "all of them: num_images=10_000" in text


def test_csv_file_has_a_row_a_run_and_a_column_a_setting(command: Command, tmp_path: Path) -> None:
    assert command("list", "out=table.csv").strip() == "table.csv"
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as file:
        table = {row["run"]: row for row in csv.DictReader(file)}
    assert len(table) == 5
    row = table["digits/2026-01-02_10-00-00"]
    assert (row["value"], row["seed"], row["data.batch_size"]) == ("0.75", "3", "128")
    assert table["digits/2026-01-01_10-00-00"]["seed"] == ""


def test_folder_without_runs_is_said_to_be_empty(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert command("list", "empty") == "empty: no runs.\n"
    assert command("list", "nowhere").startswith("error: folder=nowhere: must be a folder of runs")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lst"], "Did you mean 'list'?"),
        (["list", "sort=bst"], "Did you mean 'best'?"),
        (["list", "status=faild"], "Did you mean 'failed'?"),
        (["list", "num=0"], "num=0"),
        (["list", "runs", "runs/digits"], "one folder at a time"),
    ],
)
def test_mistake_is_said_in_a_line(command: Command, arguments: list[str], words: str) -> None:
    error = command(*arguments)
    assert error.startswith("error: ")
    assert words in error
    assert error.count("\n") == 1


def test_run_is_meant_by_its_path_its_name_or_its_date(runs: Path) -> None:
    run = runs / "digits" / "2026-01-01_10-00-00"
    assert located(str(run), runs) == [run]
    assert located("2026-01-01_10-00-00", runs) == [run]
    assert located("digits", runs) == [runs / "digits" / "2026-01-02_10-00-00", run]
    assert located(str(runs / "digits"), runs) == located("digits", runs)
    assert located("faces/multirun", runs) == [runs / "faces" / "multirun" / "2026-01-03_10-00-00" / "0"]


def test_folder_that_a_link_leads_back_to_is_looked_into_once(runs: Path) -> None:
    try:
        (runs / "again").symlink_to(runs, target_is_directory=True)
    except OSError:
        pytest.skip("no links here")
    assert len(runs_below(runs)) == 5


def test_long_list_of_settings_ends_with_how_many_more_there_are() -> None:
    rows = [(f"setting{index}", "1") for index in range(9)]
    assert in_short(rows, set(), room=25) == "setting0=1 setting1=1 +7"
    assert in_short(rows[:1], set(), room=3) == "setting0=1"
    assert in_short(rows, set(rows), room=25) == ""


def test_run_of_a_shipped_recipe_differs_by_it_and_by_what_was_changed_in_it() -> None:
    recipe = ["experiment=digits_conditional"]
    config = OmegaConf.to_container(compose([*recipe, "model.width=24", "seed=7"]), resolve=True)
    expected = [("experiment", "digits_conditional"), ("model.width", "24"), ("seed", "7")]
    assert differs(config) == expected
    named = OmegaConf.to_container(compose([*recipe, "name=mine"]), resolve=True)
    assert len(differs(named)) > len(expected)  # control: without the name each of its settings is told
