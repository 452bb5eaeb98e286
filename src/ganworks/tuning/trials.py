"""A study's trials as its page shows them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState

SOUND = "finished"
BAD = ("diverged", "collapsed", "crashed")
GOOD = 0.25  # share of the trials that are good ones: of some dozens the best tenth is one or two, which are luck
ENOUGH = 10  # finished trials from which on importances mean something


@dataclass(frozen=True)
class Trial:
    """One trial.

    Args:
        number: its number in the study.
        status: finished, pruned, diverged, collapsed, crashed, interrupted, running or waiting.
        value: what it reached; of a pruned trial its last figure, None where it has none that counts.
        params: its point, and `distributions` the ranges that it was drawn from.
        curve: (images seen, figure), ascending.
        start: when it began; None before that.
        end: when it ended; None while it runs.
        facts: its user attributes: overrides, run_dir, worker, error, seconds, images_seen.
    """

    number: int
    status: str
    value: float | None
    params: dict[str, Any]
    distributions: dict[str, BaseDistribution]
    curve: list[tuple[int, float]]
    start: datetime | None
    end: datetime | None
    facts: dict[str, Any]

    @property
    def is_sound(self) -> bool:
        """Whether the trial ran to its end with a figure that counts."""
        return self.status == SOUND and self.value is not None

    @property
    def images_seen(self) -> int:
        return int(self.facts.get("images_seen") or (self.curve[-1][0] if self.curve else 0))

    @property
    def kind(self) -> str:
        """How the trial is drawn: finished, pruned, bad, running or interrupted."""
        return "bad" if self.status in BAD else self.status


def trials_of(study: optuna.Study) -> list[Trial]:
    """Return the trials of a study that have begun, in their order."""
    return [view(trial) for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING]


def view(trial: FrozenTrial) -> Trial:
    """Return what the page shows of an Optuna trial."""
    states = {TrialState.COMPLETE: SOUND, TrialState.PRUNED: "pruned", TrialState.RUNNING: "running"}
    status = states.get(trial.state, "interrupted")
    if trial.state in (TrialState.COMPLETE, TrialState.FAIL):
        status = str(trial.user_attrs.get("status") or status)
    curve = [
        (step, value) for step, value in sorted(trial.intermediate_values.items()) if math.isfinite(value)
    ]
    value = trial.value if trial.state == TrialState.COMPLETE and status == SOUND else None
    if status in ("pruned", "running") and curve:
        value = curve[-1][1]
    return Trial(
        trial.number,
        status,
        value if value is not None and math.isfinite(value) else None,
        trial.params,
        trial.distributions,
        curve,
        trial.datetime_start,
        trial.datetime_complete,
        trial.user_attrs,
    )


def ranked(trials: Sequence[Trial], minimize: bool) -> list[Trial]:
    """Return the trials, the best first: those that finished, then those that did not, by their last figure."""
    sign = 1 if minimize else -1
    return sorted(trials, key=lambda t: (not t.is_sound, t.value is None, sign * (t.value or 0.0), t.number))


def best_so_far(trials: Sequence[Trial], minimize: bool) -> list[tuple[int, int, Trial, float | None]]:
    """Return (trials ended, images trained, trial, best value until then), in the order in which trials ended.

    The images of a trial count whatever became of it; its value counts where it ran to its end.
    """
    ended = sorted((t for t in trials if t.end is not None), key=lambda t: (t.end, t.number))
    found: list[tuple[int, int, Trial, float | None]] = []
    images, best = 0, None
    for place, trial in enumerate(ended, 1):
        images += trial.images_seen
        if trial.is_sound and trial.value is not None:
            best = trial.value if best is None else (min if minimize else max)(best, trial.value)
        found.append((place, images, trial, best))
    return found


def parameters(trials: Sequence[Trial]) -> dict[str, BaseDistribution]:
    """Return the dimensions of the search with their ranges, in the order of first appearance."""
    found: dict[str, BaseDistribution] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            found.setdefault(name, distribution)
    return found


def importances(study: optuna.Study, trials: Sequence[Trial]) -> dict[str, float]:
    """Return how much of what sets good trials apart is due to each parameter, the largest first.

    PED-ANOVA (Watanabe et al. 2023, arXiv:2304.10255) over trials that ran to their end: the penalty value of one
    that did not says nothing of its figure. It also holds for parameters that only some trials have. Empty before
    there are enough trials.
    """
    sound = {trial.number for trial in trials if trial.is_sound}
    if len(sound) < ENOUGH or len(parameters(trials)) < 2:
        return {}
    with warnings.catch_warnings(), quiet():
        warnings.simplefilter("ignore")
        alone = optuna.create_study(direction=study.direction, storage=optuna.storages.InMemoryStorage())
        alone.add_trials([t for t in study.get_trials(deepcopy=False) if t.number in sound])
        try:
            evaluator = PedAnovaImportanceEvaluator(target_quantile=GOOD)
            found = optuna.importance.get_param_importances(alone, evaluator=evaluator)
        except (ValueError, RuntimeError):  # no parameter that all of them have, or none that varies
            return {}
    return {name: share for name, share in found.items() if math.isfinite(share)}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from telling of the study that is made inside."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
