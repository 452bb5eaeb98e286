"""A worker: take the next trial of a study, train it, report, again; any number of them on one storage."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from ganworks.tuning.process import Train, TrainingProcess, is_number, rung
from ganworks.tuning.search import Replicates, Search, Task
from ganworks.tuning.settings import Settings
from ganworks.tuning.storage import open_storage
from ganworks.words import masked

POLL = 0.1  # seconds between two looks at a run
FALLBACK = 1e6  # value of a failed trial as long as no trial has a figure


class Worker:
    """Trains trials until the study, and the runs of the best under other seeds, are done.

    Args:
        settings: of the study.
        train: trains as `python train.py` does with the arguments that it is given.
        has_to_stop: asked all the time; once it says yes the trial in hand is interrupted.
    """

    def __init__(self, settings: Settings, train: Train, has_to_stop: Callable[[], bool]) -> None:
        self.settings, self.command, self.has_to_stop = settings, train, has_to_stop
        self.storage: RDBStorage = open_storage(settings)
        self.name = f"{socket.gethostname()}:{os.getpid()}"

    def run(self) -> None:
        """Work until there is nothing left to do."""
        self._work_on(Search(self.settings, self.storage, self.name))
        if not self.has_to_stop() and self.settings.top_k and self.settings.num_seeds:
            self._work_on(Replicates(self.settings, self.storage, self.name))

    def _work_on(self, queue: Search) -> None:
        while not self.has_to_stop() and not queue.is_over():
            task = queue.next_task()
            if task is None:
                time.sleep(0.5)  # others still train what the next step builds on
            else:
                self.train(queue, task)

    def train(self, queue: Search, task: Task) -> None:
        """Run one trial to its end, however it ends, and tell the study."""
        trial, start = task.trial, time.monotonic()
        earlier = trial.user_attrs.get("seconds", 0.0)
        process = TrainingProcess(task.run_dir, task.overrides, list(self.settings.flags), self.command)
        process.start()
        beat, wanted = 0.0, None
        while not process.wait(POLL):
            if time.monotonic() - beat > self.settings.heartbeat_seconds:
                beat = time.monotonic()
                self.storage.record_heartbeat(trial._trial_id)
            if wanted is None and self.has_to_stop():
                wanted = "interrupted"
            if wanted is None and self._report(trial, process) and queue.may_prune and trial.should_prune():
                wanted = "pruned"
            if wanted is not None:
                process.stop()
        self._report(trial, process)
        trial.set_user_attr("seconds", round(earlier + time.monotonic() - start, 2))
        self._tell(queue.study, task, process, wanted)

    def _report(self, trial: optuna.Trial, process: TrainingProcess) -> bool:
        """Report the figures that are new; say whether there were any."""
        known = self.storage.get_trial(trial._trial_id).intermediate_values
        settings, is_new = self.settings, False
        for images_seen, value in process.rows(settings.column):
            step = rung(images_seen, settings.every_images, settings.num_images)
            if step and step not in known and is_number(value):
                trial.report(value, step)
                trial.set_user_attr("images_seen", images_seen)
                known[step], is_new = value, True
        return is_new

    def _tell(self, study: optuna.Study, task: Task, process: TrainingProcess, wanted: str | None) -> None:
        """Record how the trial ended.

        A trial that diverged, collapsed or crashed has a value, the worst that any trial has had, and a constraint
        that it violates: the sampler learns from it, as it would not from a failed trial.
        """
        trial, summary = task.trial, process.summary()
        rows = process.rows(self.settings.column)
        status, error = judge(self.settings, summary, rows, wanted)
        if status == "crashed":
            error = error or process.error
        trial.set_user_attr("images_seen", int(summary.get("images_seen") or (rows[-1][0] if rows else 0)))
        trial.set_user_attr("status", status)
        trial.set_user_attr("error", error and masked(error))
        if status == "interrupted":
            study.tell(trial, state=TrialState.FAIL)
            task.retry(study)
        elif status == "pruned":
            study.tell(trial, state=TrialState.PRUNED)
        elif status == "finished":
            study.tell(trial, reached(rows, self.settings.objective_mean_of))
        else:
            trial.set_constraint(status, 1.0)
            study.tell(trial, worst(study))


def judge(
    settings: Settings, summary: dict[str, Any], rows: list[tuple[int, float]], wanted: str | None
) -> tuple[str, str | None]:
    """Return (status, error) of a trial from its files and what the worker wanted of it."""
    ended = summary.get("status")
    last = rows[-settings.objective_mean_of :]
    if ended == "diverged" or not all(is_number(value) for _, value in last):
        return "diverged", summary.get("error")
    if ended == "finished" or (ended == "stopped" and rows):
        if not rows:
            figures = ", ".join(summary.get("metrics") or {}) or "no figures"
            return "crashed", f"metrics.csv has no column {settings.column}: the trial's metric has {figures}"
        for name, floor in settings.collapse.items():
            figure = (summary.get("metrics") or {}).get(name)
            if figure is not None and figure < floor:
                return "collapsed", f"{name} {figure:.4g} is below {floor:g}"
        return "finished", None
    if ended == "interrupted" or (wanted and ended in (None, "running")):
        return wanted or "interrupted", None
    return "crashed", None


def reached(rows: list[tuple[int, float]], mean_of: int) -> float:
    """Return what a trial reached: the mean of the figures of its last ``mean_of`` evaluations.

    >>> reached([(100, 9.0), (200, 4.0), (300, 2.0)], 2)
    3.0
    """
    return statistics.fmean(value for _, value in rows[-mean_of:])


def worst(study: optuna.Study) -> float:
    """Return the worst figure that any trial of the study has reported."""
    values = [v for trial in study.get_trials(deepcopy=False) for v in trial.intermediate_values.values()]
    sign = 1 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1
    return sign * max((sign * value for value in values), default=FALLBACK)


def work(settings: Settings, train: Train, folder: Path, environment: dict[str, str], log: Path) -> None:
    """Be a worker process, started by the command that shows the study."""
    os.environ.update(environment)
    os.chdir(folder)
    received: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    # A terminal sends Ctrl-C to all processes: the command that shows the study hands it on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    redirect(log)
    parent = multiprocessing.parent_process()
    assert parent is not None
    Worker(settings, train, lambda: bool(received) or not parent.is_alive()).run()


def redirect(log: Path) -> None:
    """Send what this process prints to the file ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
