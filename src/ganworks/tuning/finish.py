"""The beginning and the end of a search: its plan, its page, the recipe of its best trial."""

from __future__ import annotations

import logging
import time
from typing import Any

import optuna
from rich.console import Console
from rich.table import Table

from ganworks.errors import GanworksError
from ganworks.tuning.live import short
from ganworks.tuning.pool import Pool
from ganworks.tuning.recipe import write_recipe
from ganworks.tuning.search import ranked
from ganworks.tuning.settings import Settings
from ganworks.tuning.storage import open_storage, open_study
from ganworks.words import masked, relative_path

log = logging.getLogger(__name__)
LEAST_SECONDS = 30.0  # between two pages of a study that goes on


def begin(settings: Settings) -> tuple[optuna.Study, optuna.Study]:
    """Return the study and that of its replicates, new or as they were left; note what is searched.

    Raises:
        GanworksError: the study was begun with another objective or length of a trial.
    """
    storage = open_storage(settings)
    study, replicates = open_study(settings, storage), open_study(settings, storage, "/replicates")
    facts: dict[str, Any] = {
        "name": settings.name,
        "metric": settings.objective,
        "direction": settings.direction,
        "num_images": settings.num_images,
        "objective_mean_of": settings.objective_mean_of,
        "num_trials": settings.num_trials,
        "command": masked(settings.command),
        "overrides": list(settings.overrides),
    }
    # A study that was begun before there was the setting had the last evaluation alone.
    facts_before = {"objective_mean_of": 1, **study.user_attrs} if study.user_attrs else facts
    for name in ("metric", "direction", "num_images", "objective_mean_of"):
        before = facts_before.get(name, facts[name])
        if before != facts[name]:
            raise GanworksError(
                f"the study {settings.name} was begun with {name}={before}, not {facts[name]}: figures would not"
                f" compare. Begin another one: name={settings.name}_2"
            )
    for name, value in facts.items():
        study.set_user_attr(name, value)
    return study, replicates


def show_plan(settings: Settings, console: Console) -> None:
    """Print what would be searched."""
    table = Table(title=f"{settings.name}: the plan", title_justify="left", title_style="bold", box=None)
    for column in ("stage", "dimension", "values", "when"):
        table.add_column(column, overflow="fold")
    for stage in settings.stages:
        for index, dimension in enumerate(stage.space.dimensions):
            name = f"{stage.name}, {stage.num_trials} trials" if index == 0 else ""
            when = ", ".join(f"{k}={'/'.join(map(str, v))}" for k, v in dimension.when.items())
            table.add_row(name, dimension.name, values(dimension.distribution), when)
        for name in stage.space.first:
            table.add_row("", f"first: {name}", "", "")
    console.print(table)
    for word, text in {
        "every trial": " ".join(settings.overrides) or "the plain defaults",
        "length": f"{settings.num_images:,} images, {figure_of(settings)} every {settings.every_images:,}",
        "search": f"{settings.num_trials} trials, sampler {settings.sampler}, pruner {settings.pruner}",
        "then": f"the best {settings.top_k} under {settings.num_seeds} other seeds",
        "study": f"{relative_path(settings.folder)}, {masked(settings.storage)}",
    }.items():
        console.print(f"{word:<12} {text}", highlight=False, soft_wrap=True)
    console.print("All points passed their checks; nothing was trained or written.")


def figure_of(settings: Settings) -> str:
    """Return in words what a trial's figure is."""
    num = settings.objective_mean_of
    return f"{settings.objective} (the mean of the last {num})" if num > 1 else settings.objective


def values(distribution: optuna.distributions.BaseDistribution) -> str:
    """Return the values of a dimension in words."""
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return ", ".join(map(str, distribution.choices))
    low, high = distribution.low, distribution.high  # type: ignore[attr-defined]
    return f"{low:g} to {high:g}" + (", logarithmic" if distribution.log else "")  # type: ignore[attr-defined]


class Finish:
    """Writes the page of a study as it goes, and what its end calls for.

    Args:
        settings: of the study.
        study: as others fill it.
        console: where the end is told.
    """

    def __init__(self, settings: Settings, study: optuna.Study, console: Console) -> None:
        self.settings, self.study, self.console = settings, study, console
        self._num_pages, self._due_at = -1, 0.0

    def page(self) -> None:
        """Write the page of the study."""
        from ganworks.tuning.page import write_page

        start = time.monotonic()
        path = write_page(self.study, self.settings.folder / "report.html")
        self._due_at = time.monotonic() + max(LEAST_SECONDS, 20 * (time.monotonic() - start))
        log.debug("%s", path)

    def page_if_due(self) -> None:
        """Write the page where a trial has ended since the last time, and that was a while ago."""
        num_ended = sum(t.state.is_finished() for t in self.study.get_trials(deepcopy=False))
        if num_ended != self._num_pages and time.monotonic() >= self._due_at:
            self._num_pages = num_ended
            self.page()

    def check_crashes(self, pool: Pool) -> None:
        """Raise `GanworksError` where nothing but the same crash has come so far: the space is wrong."""
        ended = [t for t in self.study.get_trials(deepcopy=False) if t.state.is_finished()]
        causes = {cause_of(trial) for trial in ended}
        if len(ended) >= self.settings.max_crashes and len(causes) == 1 and None not in causes:
            pool.stop()
            while pool.is_working():
                time.sleep(0.1)
            raise GanworksError(f"the first {len(ended)} trials crashed in the same way: {causes.pop()}")

    def conclude(self, is_interrupted: bool) -> None:
        """Write the page and, of a search that is over, the recipe; say where they are."""
        self.page()
        best = ranked(self.study.get_trials(deepcopy=False), self.settings.direction)
        rows = self.study.user_attrs.get("replicates", [])
        name = self.settings.name
        end = "interrupted" if is_interrupted else "finished"
        self.console.print(f"{name}: {end}", style="bold", highlight=False)
        if rows:
            self.console.print(self.table(rows))
        say = {"Page:": relative_path(self.settings.folder / "report.html")}
        if not is_interrupted and (rows or best):
            overrides = rows[0]["overrides"] if rows else best[0].user_attrs["overrides"]
            for path in write_recipe(self.settings, overrides, self.figures(rows, best)):
                say["Recipe:"] = relative_path(path)
            place = (
                ""
                if str(say["Recipe:"]).startswith("conf/")
                else f" --config-dir {relative_path(say['Recipe:'].parents[1])}"
            )
            say["Train it:"] = f"train.py{place} experiment={name}_best"  # type: ignore[assignment]
        elif not is_interrupted:
            say["Recipe:"] = "none: no trial was trained to its end and sound"  # type: ignore[assignment]
        else:
            say["Go on:"] = masked(self.settings.command)  # type: ignore[assignment]
        for word, text in say.items():
            self.console.print(f"{word:<12}{text}", highlight=False, soft_wrap=True)

    def figures(self, rows: list[dict[str, Any]], best: list[optuna.trial.FrozenTrial]) -> str:
        """Return a line on what the best trial reached."""
        length = f"{self.settings.num_images:,} images"
        if not rows:
            return f"{self.settings.objective} {best[0].value:.4g} in one run of {length}."
        row = rows[0]
        mean = f"{row['mean']:.4g} +- {row['deviation']:.2g}"
        return f"{self.settings.objective} {mean} over seeds {row['seeds']}, {length}."

    def table(self, rows: list[dict[str, Any]]) -> Table:
        """Return the best trials with their figures under other seeds."""
        table = Table(title=f"{self.settings.objective} under other seeds", title_justify="left")
        for column in ("trial", "search", "mean", "deviation", "settings"):
            table.add_column(column, justify="left" if column == "settings" else "right")
        for row in rows:
            value = self.study.trials[row["trial"]].value
            mean = "" if row["mean"] is None else f"{row['mean']:.4g}"
            words = "  ".join(map(short, row["overrides"]))
            table.add_row(str(row["trial"]), f"{value:.4g}", mean, f"{row['deviation']:.2g}", words)
        return table


def cause_of(trial: optuna.trial.FrozenTrial) -> str | None:
    """Return why a trial crashed, without what differs from run to run; None where it did not."""
    if trial.user_attrs.get("status") != "crashed":
        return None
    lines = str(trial.user_attrs.get("error")).splitlines()
    return lines[0] if lines[0].startswith("killed") else ": ".join(dict.fromkeys([lines[0], lines[-1]]))
