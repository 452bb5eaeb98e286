"""What a study still has to train: trials of its stages, then the best of them under other seeds."""

from __future__ import annotations

import socket
import statistics
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from ganworks.noise import keyed_seed
from ganworks.system import is_alive
from ganworks.tuning.settings import Settings, Stage
from ganworks.tuning.storage import lock, make_sampler, open_study, retry

COUNTED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Task:
    """A run to train: its trial, the overrides of `train.py` and the run directory."""

    trial: optuna.Trial
    overrides: list[str]
    run_dir: Path

    def retry(self, study: optuna.Study) -> None:
        """Queue the trial again after an interruption."""
        retry(study, study.trials[self.trial.number])


class Search:
    """The trials of a study; whoever asks next gets the next one.

    Args:
        settings: of the study.
        storage: that all workers share.
        worker: name of the worker that asks, host:process.
    """

    suffix = ""
    may_prune = True

    def __init__(self, settings: Settings, storage: RDBStorage, worker: str) -> None:
        self.settings, self.storage, self.worker = settings, storage, worker
        self.study = open_study(settings, storage, self.suffix)

    def is_over(self) -> bool:
        """Say whether all trials have ended."""
        return len(self.trials(*ENDED)) >= self.settings.num_trials and not self.trials(TrialState.RUNNING)

    def next_task(self) -> Task | None:
        """Return the next trial to train; None while others train what it depends on, or what is left."""
        with lock(self.settings, self.storage):
            self.release_lost()
            return self._next()

    def _next(self) -> Task | None:
        if len(self.trials(*COUNTED)) >= self.settings.num_trials:
            return None
        stage = self.stage()
        if stage is None:
            return None
        if not self.trials(TrialState.WAITING):
            self._enqueue_first(stage)
        trial = self._ask()
        stage_name = trial.user_attrs.get("stage", stage.name)
        stage = next(s for s in self.settings.stages if s.name == stage_name)
        trial.set_user_attr("stage", stage.name)
        overrides = [*stage.fixed, *self.base(stage), *stage.space.suggest(trial)]
        number = trial.user_attrs.get(
            "run", trial.number
        )  # of a trial that goes on, that of its first attempt
        trial.set_user_attr("run", number)
        run_dir = self.settings.folder / "trials" / f"{number:04d}"
        return self.begin(trial, overrides, run_dir, self.settings.seed)

    def begin(self, trial: optuna.Trial, overrides: list[str], run_dir: Path, seed: int) -> Task:
        """Note what the trial is and return it with the command line of its run."""
        for name, value in {
            "status": "running",
            "overrides": overrides,
            "run_dir": str(run_dir),
            "images_seen": trial.user_attrs.get("images_seen", 0),
            "error": None,
        }.items():
            trial.set_user_attr(name, value)
        common = common_overrides(self.settings, run_dir.name)
        return Task(trial, [*common, f"seed={seed}", *overrides], run_dir)

    def _ask(self) -> optuna.Trial:
        """Return a new trial, marked as this worker's at once."""
        # What is drawn depends on the seed and the number of the trial, not on which worker asks.
        number = len(self.study.get_trials(deepcopy=False))
        self.study.sampler = make_sampler(self.settings, keyed_seed(self.settings.seed, "tune", number))
        trial = self.study.ask()
        trial.set_user_attr("worker", self.worker)
        self.storage.record_heartbeat(trial._trial_id)
        return trial

    def _enqueue_first(self, stage: Stage) -> None:
        """Queue the stage's next point of a paper, if one is left."""
        done = self.study.user_attrs.get(f"first:{stage.name}", [])
        for name, point in stage.space.first.items():
            if name not in done:
                self.study.enqueue_trial(point, user_attrs={"first": name, "stage": stage.name})
                return self.study.set_user_attr(f"first:{stage.name}", [*done, name])
        return None

    def stage(self) -> Stage | None:
        """Return the stage that has trials left; None while the one before it is not over."""
        for index, stage in enumerate(self.settings.stages):
            trials = [t for t in self.trials(*COUNTED) if t.user_attrs.get("stage") == stage.name]
            is_last = index == len(self.settings.stages) - 1
            if is_last or len(trials) < stage.num_trials:
                return stage
            if any(t.state == TrialState.RUNNING for t in trials):
                return None
            following = self.settings.stages[index + 1]
            if f"base:{following.name}" not in self.study.user_attrs:
                best = ranked(trials, self.settings.direction)
                self.study.set_user_attr(
                    f"base:{following.name}", best[0].user_attrs["overrides"] if best else []
                )
        return None

    def base(self, stage: Stage) -> list[str]:
        """Return the overrides of the best trial of the stage before."""
        return list(self.study.user_attrs.get(f"base:{stage.name}", []))

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Return the trials in these states."""
        return self.study.get_trials(deepcopy=False, states=states)

    def release_lost(self) -> None:
        """Queue the trials of dead workers again: of this machine at once, of others when they were silent."""
        again = partial(retry, max_retries=self.settings.max_retries)
        host = socket.gethostname()
        for trial in self.trials(TrialState.RUNNING):
            # Trials are marked while the study is held: one without a mark lost its worker in between.
            owner, _, process = trial.user_attrs.get("worker", f"{host}:0").rpartition(":")
            is_lost = owner == host and not is_alive(int(process))
            if is_lost and self.storage.set_trial_state_values(trial._trial_id, TrialState.FAIL):
                again(self.study, trial)
        fail_stale_trials(self.study)


class Replicates(Search):
    """The best trials of a study under other seeds, as a queue of its own beside it."""

    suffix = "/replicates"
    may_prune = False

    def __init__(self, settings: Settings, storage: RDBStorage, worker: str) -> None:
        super().__init__(settings, storage, worker)
        self.search = Search(settings, storage, worker)
        with lock(settings, storage):
            self._enqueue()

    def _enqueue(self) -> None:
        """Queue the runs that are missing."""
        known = {
            (t.user_attrs["source"], t.user_attrs["seed"]) for t in self.study.get_trials(deepcopy=False)
        }
        for source in self.best():
            for seed in self.seeds():
                if (source.number, seed) not in known:
                    self.study.enqueue_trial({}, user_attrs={"source": source.number, "seed": seed})

    def best(self) -> list[FrozenTrial]:
        """Return the trials that are trained again, the best first, each point once."""
        return ranked(self.search.trials(TrialState.COMPLETE), self.settings.direction)[: self.settings.top_k]

    def seeds(self) -> list[int]:
        """Return the seeds: none is that of the search, whose best figure is partly luck."""
        return [self.settings.seed + 1 + index for index in range(self.settings.num_seeds)]

    def is_over(self) -> bool:
        is_over = not self.trials(TrialState.WAITING, TrialState.RUNNING)
        if is_over:
            self.search.study.set_user_attr("replicates", self.table())
        return is_over

    def _next(self) -> Task | None:
        if not self.trials(TrialState.WAITING):
            return None
        trial = self._ask()
        source, seed = trial.user_attrs["source"], trial.user_attrs["seed"]
        overrides = self.search.study.trials[source].user_attrs["overrides"]
        run_dir = self.settings.folder / "replicates" / f"{source:04d}_seed_{seed}"
        return self.begin(trial, overrides, run_dir, seed)

    def table(self) -> list[dict[str, Any]]:
        """Return the rows of what was trained again, the best first.

        ``mean`` is that of the other seeds alone, for the search's own figure, by which the trial was chosen, is partly
        luck. To compare such trials with each other all runs count alike: ``choice`` is the mean with the search's.
        """
        rows = []
        for source in self.best():
            runs = [t for t in self.trials(*ENDED) if t.user_attrs["source"] == source.number]
            values, first = [t.value for t in runs if t.value is not None], source.value
            rows.append(
                {
                    "trial": source.number,
                    "overrides": source.user_attrs["overrides"],
                    "seeds": [t.user_attrs["seed"] for t in runs],
                    "values": values,
                    "mean": statistics.fmean(values) if values else None,
                    "deviation": statistics.stdev(values) if len(values) > 1 else 0.0,
                    "choice": statistics.fmean([first, *values]) if values and first is not None else None,
                }
            )
        sign = 1 if self.settings.direction == "minimize" else -1
        return sorted(rows, key=lambda row: (row["choice"] is None, sign * (row["choice"] or 0)))


def ranked(trials: list[FrozenTrial], direction: str) -> list[FrozenTrial]:
    """Return the trials that finished and violate no constraint, the best first, each point once."""
    sound = [t for t in trials if t.state == TrialState.COMPLETE and t.user_attrs.get("status") == "finished"]
    sign = 1 if direction == "minimize" else -1
    points = {tuple(t.user_attrs["overrides"]): t for t in sorted(sound, key=lambda t: -sign * t.values[0])}
    return sorted(points.values(), key=lambda t: sign * t.values[0])


def common_overrides(settings: Settings, name: str = "NAME") -> list[str]:
    """Return the overrides that all runs of a study share."""
    # A trial starts from the plain defaults, of a space that chooses no part too: conf/bare.yaml.
    has_experiment = any(override.startswith("experiment=") for override in settings.overrides)
    common = [*([] if has_experiment else ["experiment=null"]), *settings.overrides, f"name={settings.name}"]
    loggers = [override for override in settings.overrides if override.startswith("logger=")]
    for tracker in ("wandb", "mlflow"):
        if any(tracker in override for override in loggers):
            common += [
                f"logger.{tracker}.group={settings.name}",
                f"logger.{tracker}.name={settings.name}/{name}",
            ]
    return [*common, f"metric.every_images={settings.every_images}"] if settings.num_images else common
