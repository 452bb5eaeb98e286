"""What a search shows while it runs: a table that is redrawn on a terminal, a line a trial elsewhere."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from ganworks.tuning.search import ranked
from ganworks.tuning.settings import Settings

log = logging.getLogger(__name__)


class Display:
    """Shows how far a study is; `update` may be called at any time.

    Args:
        console: where to.
        settings: of the study.
    """

    def __init__(self, console: Console, settings: Settings) -> None:
        self.console, self.settings = console, settings
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._told: set[tuple[str, int]] | None = None
        self._start = time.monotonic()
        self._done_at_start: int | None = None

    def __enter__(self) -> Display:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, study: optuna.Study, replicates: optuna.Study | None) -> None:
        """Show the study as it is now."""
        trials = study.get_trials(deepcopy=False)
        again = replicates.get_trials(deepcopy=False) if replicates else []
        if self._done_at_start is None:
            self._done_at_start = num_ended(trials) + num_ended(again)
        if self._live is not None:
            self._live.update(self.table(trials, again), refresh=True)
        else:
            self.tell(trials, again)

    def tell(self, trials: list[FrozenTrial], again: list[FrozenTrial]) -> None:
        """Print a line for each trial that has ended since the last call."""
        ended = {
            (kind, t.number): t
            for kind, group in (("trial", trials), ("again", again))
            for t in group
            if t.state.is_finished()
        }
        new = ended.keys() - (self._told or set()) if self._told is not None else set()
        self._told = set(ended)
        for kind, number in sorted(new, key=lambda key: ended[key].datetime_complete or 0):
            trial = ended[kind, number]
            best = ranked(trials, self.settings.direction)
            words = f"{num_ended(trials)} of {self.settings.num_trials}  {line(trial, self.settings, kind)}"
            beside = f"  (best {best[0].value:.4g}, trial {run(best[0])})" if best and kind == "trial" else ""
            log.info("%s%s", words, beside)

    def table(self, trials: list[FrozenTrial], again: list[FrozenTrial]) -> RenderableType:
        """Return the picture of the study."""
        done, num_trials = num_ended(trials), self.settings.num_trials
        num_again = self.settings.top_k * self.settings.num_seeds
        head = Table.grid(expand=True, padding=(0, 2))
        head.add_column(no_wrap=True)
        head.add_column(ratio=1)
        head.add_column(no_wrap=True, justify="right")
        total = num_trials + num_again
        bar = ProgressBar(total=total, completed=min(total, done + num_ended(again)))
        text = f"[bold]{self.settings.name}[/]  {done} of {num_trials} trials"
        head.add_row(
            text + (f", {num_ended(again)} of {num_again} again" if again else ""),
            bar,
            self.left(trials, again),
        )
        states = Counter(str(t.user_attrs.get("status")) for t in trials if t.state.is_finished())
        seen = [t for t in (*trials, *again) if t.state.is_finished() or running(t)]
        images = sum(t.user_attrs.get("images_seen", 0) for t in seen)
        counts = "  ".join(f"{name} {number}" for name, number in sorted(states.items()))
        parts: list[RenderableType] = [head, f"{counts}  images {images:,}".strip()]
        if best := ranked(trials, self.settings.direction):
            parts.append(f"[bold]best[/] {line(best[0], self.settings)}")
        parts += [
            f"     {line(t, self.settings, kind)}"
            for kind, group in (("trial", trials), ("again", again))
            for t in group
            if running(t)
        ]
        return Group(*parts)

    def left(self, trials: list[FrozenTrial], again: list[FrozenTrial]) -> str:
        """Return the time that is left, in words, from the trials that have ended since the start."""
        done = num_ended(trials) + num_ended(again)
        rest = self.settings.num_trials + self.settings.top_k * self.settings.num_seeds - done
        here = done - (self._done_at_start or 0)
        if here <= 0 or rest <= 0:
            return ""
        seconds = (time.monotonic() - self._start) / here * rest
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours}:{minutes:02d} h left" if hours else f"{max(1, minutes)} min left"


def line(trial: FrozenTrial, settings: Settings, kind: str = "trial") -> str:
    """Return what there is to say about a trial in one line."""
    attributes = trial.user_attrs
    status = "" if attributes.get("status") == "finished" else f"{attributes.get('status', 'waiting')} at "
    figures = list(trial.intermediate_values.items())
    value = trial.value if trial.state == TrialState.COMPLETE else figures[-1][1] if figures else None
    figure = "" if value is None else f"  {settings.objective} {value:.4g}"
    name = f"trial {run(trial)}" if kind == "trial" else f"trial {run(trial)} with seed {attributes['seed']}"
    images = f"{attributes.get('images_seen', 0):,} images"
    words = "" if kind == "again" else "  " + " ".join(map(short, attributes.get("overrides", [])))
    error = f"  {str(attributes['error']).splitlines()[-1]}" if attributes.get("error") else ""
    return f"{name}: {status}{images}{figure}{words}{error}"


def short(override: str) -> str:
    """Return an override with as much of its name as tells it.

    >>> short("optimizer.generator.lr=0.001"), short("loss=hinge")
    ('generator.lr=0.001', 'loss=hinge')
    """
    name, _, value = override.partition("=")
    return f"{'.'.join(name.split('.')[-2:])}={value}"


def run(trial: FrozenTrial) -> Any:
    """Return the number of a trial's first attempt, which names its run directory."""
    return trial.user_attrs.get("source", trial.user_attrs.get("run", trial.number))


def running(trial: FrozenTrial) -> bool:
    """Say whether a trial is in training."""
    return trial.state == TrialState.RUNNING


def num_ended(trials: list[FrozenTrial]) -> int:
    """Return how many trials have ended with a figure."""
    return sum(t.state in (TrialState.COMPLETE, TrialState.PRUNED) for t in trials)
