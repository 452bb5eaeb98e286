"""Studies of real runs: they end, go on where they were, and survive trials and workers that do not."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from optuna.trial import TrialState

from ganworks.cli.train import train_here
from ganworks.errors import GanworksError
from ganworks.logger import read_metrics
from ganworks.run.compose import compose as compose_of
from ganworks.tuning.finish import begin
from ganworks.tuning.process import rung
from ganworks.tuning.search import Replicates, Search, ranked
from ganworks.tuning.settings import read_settings
from ganworks.tuning.storage import make_pruner, open_storage
from ganworks.tuning.worker import Worker, judge, reached
from running import compose
from searching import SPACE, settings_of, study_of, tune_apart, write_space

FAULTS = {
    "choice": {
        "sound": [],
        "diverging": ["optimizer.discriminator.lr=1e30", "optimizer.generator.lr=1e30", "task.patience=2"],
        "killed": ["+callback.kill={_target_: running.SignalAt, images: 200}"],
    }
}


def work(settings: Any, has_to_stop: Callable[[], bool] = lambda: False) -> optuna.Study:
    """Be a worker until the study is done."""
    Worker(settings, train_here, has_to_stop).run()
    return study_of(settings)


def statuses(study: optuna.Study) -> list[str]:
    return [trial.user_attrs["status"] for trial in study.trials if trial.state != TrialState.WAITING]


def test_trials_that_diverge_or_die_have_a_value_and_the_search_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNAL", "SIGKILL")
    first = {name: {"fault": name} for name in ("killed", "diverging", "sound")}
    study = work(settings_of(tmp_path, space={"fault": FAULTS}, enqueue=first, num_trials=3, top_k=0))
    assert statuses(study) == ["crashed", "diverged", "finished"]
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
    crashed, diverged, sound = study.trials
    assert "SIGKILL" in crashed.user_attrs["error"]
    assert diverged.user_attrs["error"]
    assert min(crashed.value, diverged.value) >= sound.value  # type: ignore[type-var]
    assert study.best_trial.number == sound.number  # those with a violated constraint are left out
    assert [trial.number for trial in ranked(study.trials, "minimize")] == [sound.number]


def test_an_interrupted_trial_goes_on_from_its_checkpoint_when_the_search_does(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, num_trials=2, top_k=0)
    log = settings.folder / "trials" / "0000" / "metrics.csv"
    study = work(settings, lambda: log.exists() and bool(read_metrics(log)))
    assert statuses(study) == ["interrupted"]
    (waiting,) = study.get_trials(states=[TrialState.WAITING])
    checkpoint = settings.folder / "trials" / "0000" / "checkpoints" / "last.ckpt"
    seen = torch.load(checkpoint, weights_only=True)["time"]["images_seen"]
    assert 0 < seen < 1280
    study = work(settings)
    assert statuses(study) == ["interrupted", "finished", "finished"]
    assert study.trials[waiting.number].user_attrs["run_dir"] == str(log.parent)
    assert json.loads((log.parent / "summary.json").read_text())["images_seen"] == 1280
    steps = [list(trial.intermediate_values) for trial in study.trials[1:]]
    assert steps == [[640, 1280], [640, 1280]]
    assert len(list((settings.folder / "trials").glob("*/config.yaml"))) == 2
    before = len(study.trials)
    assert len(work(settings).trials) == before  # a search that is over trains nothing


def test_the_command_replaces_a_killed_worker_and_ends_with_a_recipe_and_a_page(tmp_path: Path) -> None:
    # Long enough that a run, which learns within a second that its worker is gone, is not over by then.
    conf = write_space(tmp_path, num_trials=3, fixed=[
        "data=digits", "experiment=null", "trainer=cpu", "model.width=8", "num_images=32000", "metric.num_samples=64",
        "callback.sample_grid.every_images=null", "callback.checkpoint.every_images=640", "~callback.report",
    ])  # fmt: skip
    settings = settings_of(tmp_path)
    command = tune_apart(tmp_path, f"paths.runs={tmp_path / 'runs'}", "workers=2")
    kept = kill_a_worker_with_a_checkpoint(settings, command)
    output = command.communicate(timeout=240)[0]
    assert command.returncode == 0, output
    assert "A worker was lost" in output
    study = study_of(settings)
    lost = [trial for trial in study.trials if trial.state == TrialState.FAIL]
    again = [trial for trial in study.trials if trial.user_attrs.get("num_lost")]
    assert len(lost) == len(again) == 1
    assert again[0].user_attrs["run_dir"] == lost[0].user_attrs["run_dir"]
    assert sum(trial.state == TrialState.COMPLETE for trial in study.trials) == 3
    # The retried trial lost what came after its checkpoint, no more; what it had reported stands in its table once.
    run_dir = Path(again[0].user_attrs["run_dir"])
    (since,) = re.findall(r"images of Digits, on from ([\d,]+) in", (run_dir / "train.log").read_text())
    assert int(since.replace(",", "")) >= kept > 0  # its run may outlive the worker by a checkpoint
    rows = [row["images_seen"] for row in read_metrics(run_dir / "metrics.csv")]
    assert rows == sorted(set(rows))
    assert rows[-1] == 32000
    (row,) = study.user_attrs["replicates"]
    assert len(row["values"]) == 1
    assert row["seeds"] == [1]
    recipe = settings.folder / "conf" / "experiment" / "tiny_best.yaml"
    config = compose("experiment=tiny_best", f"hydra.searchpath=[file://{recipe.parents[1]}]")
    assert config.num_images == 32000
    assert config.name == "tiny_best"
    (lr,) = [o.partition("=")[2] for o in row["overrides"] if o.startswith("optimizer.generator.lr=")]
    assert config.optimizer.generator.lr == pytest.approx(float(lr))
    assert (settings.folder / "report.html").stat().st_size > 10_000
    assert conf.exists()


def kill_a_worker_with_a_checkpoint(settings: Any, command: Any) -> int:
    """Send SIGKILL to the worker of the first trial that has written a checkpoint; its run dies with it.

    Returns the images that the checkpoint has seen.
    """
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and command.poll() is None:
        time.sleep(0.05)
        if not (settings.folder / "study.db").exists():
            continue
        for trial in study_of(settings).get_trials(states=[TrialState.RUNNING]):
            run_dir = Path(trial.user_attrs.get("run_dir", "nowhere"))
            path = run_dir / "checkpoints" / "last.ckpt"
            if path.exists():
                os.kill(int(trial.user_attrs["worker"].rpartition(":")[2]), signal.SIGKILL)
                return int(torch.load(path, weights_only=True)["time"]["images_seen"])
    raise AssertionError(command.communicate()[0] if command.poll() is not None else "no checkpoint came")


def test_ctrl_c_leaves_a_search_that_the_same_command_continues(tmp_path: Path) -> None:
    write_space(tmp_path, num_trials=1, top_k=0, evaluations=100)
    settings = settings_of(tmp_path, "num_images=100_000")
    arguments = (f"paths.runs={tmp_path / 'runs'}", "num_images=100_000")
    command = tune_apart(tmp_path, *arguments)
    log = settings.folder / "trials" / "0000" / "metrics.csv"
    deadline = time.monotonic() + 120
    while not read_metrics(log) and time.monotonic() < deadline and command.poll() is None:
        time.sleep(0.1)
    command.send_signal(signal.SIGINT)
    output = command.communicate(timeout=120)[0]
    assert command.returncode == 130, output
    assert "tiny: interrupted" in output
    assert "Go on:" in output
    assert statuses(study_of(settings)) == ["interrupted"]
    assert (log.parent / "checkpoints" / "last.ckpt").exists()


def test_a_second_stage_starts_from_the_best_of_the_first(tmp_path: Path) -> None:
    stages = {
        "norm": {"share": 0.5, "space": {"model.discriminator.norm": ["none", "layer"]}},
        "rate": {"space": SPACE},
    }
    study = work(settings_of(tmp_path, space={}, stages=stages, num_trials=4, top_k=0))
    assert [trial.user_attrs["stage"] for trial in study.trials] == ["norm", "norm", "rate", "rate"]
    best = min(study.trials[:2], key=lambda trial: trial.value).user_attrs["overrides"]
    assert all(trial.user_attrs["overrides"][: len(best)] == best for trial in study.trials[2:])


def test_the_first_trials_that_all_crash_alike_end_the_search(tmp_path: Path) -> None:
    write_space(tmp_path, space={"fault": {"choice": {"killed": FAULTS["choice"]["killed"]}}}, max_crashes=2)
    command = tune_apart(tmp_path, f"paths.runs={tmp_path / 'runs'}", "num_trials=9", SIGNAL="SIGKILL")
    output = command.communicate(timeout=240)[0]
    assert command.returncode == 1
    assert "trials crashed in the same way: killed by SIGKILL" in output
    assert len(study_of(settings_of(tmp_path)).trials) < 9


@pytest.mark.parametrize("pruner", ["successive_halving", "hyperband", "median"])
def test_a_pruner_ends_the_worse_of_many_trials_and_keeps_the_best(pruner: str, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, f"pruner={pruner}", "evaluations=9", "num_images=5760")
    study = optuna.create_study(pruner=make_pruner(settings))
    ended = []
    for value in (1.0, *range(9, 1, -1), *range(20, 40)):
        trial = study.ask()
        for step in range(settings.every_images, settings.num_images + 1, settings.every_images):
            trial.report(float(value), step)
            if trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, float(value))
        ended.append(study.trials[-1].state)
    assert ended[0] == TrialState.COMPLETE
    assert ended.count(TrialState.PRUNED) > len(ended) / 2


def test_no_pruner_ends_nothing(tmp_path: Path) -> None:
    assert isinstance(make_pruner(settings_of(tmp_path)), optuna.pruners.NopPruner)


ENDS: dict[str, tuple[dict[str, Any], list[tuple[int, float]], str | None, str]] = {
    "finished": ({"status": "finished"}, [(640, 5.0)], None, "finished"),
    "a figure that is no number": ({"status": "finished"}, [(640, float("nan"))], None, "diverged"),
    "diverged": ({"status": "diverged"}, [], None, "diverged"),
    "collapsed": ({"status": "finished", "metrics": {"coverage": 0.01}}, [(640, 5.0)], None, "collapsed"),
    "pruned": ({"status": "interrupted"}, [(640, 5.0)], "pruned", "pruned"),
    "killed while it stopped": ({"status": "running"}, [], "interrupted", "interrupted"),
    "died": ({"status": "running"}, [(640, 5.0)], None, "crashed"),
    "never began": ({}, [], None, "crashed"),
    "no such figure": ({"status": "finished", "metrics": {"fid": 3.0}}, [], None, "crashed"),
}


@pytest.mark.parametrize("end", ENDS)
def test_how_a_trial_ended_is_read_from_its_files(end: str, tmp_path: Path) -> None:
    summary, rows, wanted, status = ENDS[end]
    settings = settings_of(tmp_path, collapse={"coverage": 0.05})
    assert judge(settings, summary, rows, wanted)[0] == status


@pytest.mark.parametrize(("mean_of", "end"), [(1, 3.0), (2, 4.0), (3, 6.0)])
def test_a_trials_figure_is_the_mean_of_its_last_evaluations(mean_of: int, end: float) -> None:
    assert reached([(100, 10.0), (200, 5.0), (300, 3.0)], mean_of) == end


def test_a_study_of_last_evaluations_is_not_continued_with_their_means(tmp_path: Path) -> None:
    begin(settings_of(tmp_path))
    with pytest.raises(GanworksError, match="objective_mean_of=1, not 2"):
        begin(replace(settings_of(tmp_path), objective_mean_of=2))


def test_more_evaluations_than_there_are_cannot_be_averaged(tmp_path: Path) -> None:
    with pytest.raises(GanworksError, match="objective_mean_of=3: must be at most evaluations=2"):
        settings_of(tmp_path, objective_mean_of=3)


def test_points_of_papers_can_be_taken_away_and_what_a_search_needs_cannot() -> None:
    (stage,) = read_settings(compose_tune("tune=digits_lr", "~enqueue"), [], []).stages
    assert stage.space.first == {}
    with pytest.raises(GanworksError, match="num_trials=null"):
        read_settings(compose_tune("tune=digits_lr", "~num_trials"), [], [])


def compose_tune(*overrides: str) -> Any:
    """Return the settings of a search as its command composes them."""
    return compose_of(list(overrides), "tune")


def test_trials_are_compared_by_all_runs_and_described_by_those_under_other_seeds(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, top_k=2, num_seeds=1)
    study = study_of(settings)
    for number, value in enumerate(
        (2.0, 5.0)
    ):  # the first was lucky in the search, and is little worse again
        told(study, value, overrides=[f"a={number}"])
    replicates = Replicates(settings, open_storage(settings), "host:1")
    for value, (source, seed) in zip((5.5, 4.5), ((0, 1), (1, 1)), strict=True):
        told(replicates.study, value, source=source, seed=seed)
    first, second = replicates.table()
    assert (first["trial"], first["mean"], first["choice"]) == (0, 5.5, 3.75)
    assert (second["trial"], second["mean"], second["choice"]) == (1, 4.5, 4.75)


def told(study: optuna.Study, value: float, **facts: Any) -> None:
    """Add a trial that finished with a value."""
    study.add_trial(optuna.trial.create_trial(value=value, user_attrs={"status": "finished", **facts}))


def test_figures_are_reported_at_the_counts_at_which_they_were_due() -> None:
    assert [rung(seen, 640, 1920) for seen in (640, 700, 1290, 1920, 1984)] == [640, 640, 1280, 1920, 1920]


def test_a_study_is_not_continued_with_another_length_of_its_trials(tmp_path: Path) -> None:
    from ganworks.tuning.finish import begin

    begin(settings_of(tmp_path))
    with pytest.raises(GanworksError, match="begun with num_images=1280, not 2560"):
        begin(settings_of(tmp_path, "num_images=2560"))


def test_two_workers_never_get_the_same_trial(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, num_trials=3)
    storage = open_storage(settings)
    workers = [Search(settings, storage, f"here:{os.getpid()}") for _ in range(2)]
    tasks = [worker.next_task() for worker in (*workers, *workers)]
    numbers = [task.trial.number for task in tasks if task is not None]
    assert numbers == [0, 1, 2]
    assert tasks[3] is None
