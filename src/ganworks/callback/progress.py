"""The bar of a run: images, images per second, losses, metric, time left."""

from __future__ import annotations

import logging
import sys
import time

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ganworks.callback.evaluation import ReadsEvaluation
from ganworks.task import ManualTask
from ganworks.words import short

log = logging.getLogger(__name__)


class ProgressBar(ReadsEvaluation, pl.Callback):
    """A bar on a terminal, and everywhere (a log file, a batch system) a line every ``share`` of the run.

    Args:
        refresh_seconds: least time between two redraws of the bar.
        share: share of the run between two lines.
    """

    def __init__(self, refresh_seconds: float = 0.2, share: float = 0.1) -> None:
        self.refresh_seconds, self.share = refresh_seconds, share
        # rich takes FORCE_COLOR for a terminal: a log file or a notebook would fill with redrawn bars
        self.console = Console(force_terminal=None if sys.stdout.isatty() else False)
        self._bar: Progress | None = None

    def on_train_start(self, trainer: pl.Trainer, task: ManualTask) -> None:  # type: ignore[override]
        self._start = self._drawn_at = time.monotonic()
        self._start_images, self._num_lines = task.images_seen, self._due(task)
        if not trainer.is_global_zero or not self.console.is_terminal:
            return
        self._bar = Progress(
            TextColumn("{task.fields[images]}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self.console,
            auto_refresh=False,
        )
        self._id = self._bar.add_task("", total=task.num_images, images="", state="")
        self._bar.start()

    def on_train_batch_end(self, trainer: pl.Trainer, task: ManualTask, *args: object) -> None:  # type: ignore[override]
        now = time.monotonic()
        if self._bar is not None and now - self._drawn_at >= self.refresh_seconds:
            self._drawn_at = now
            self._draw(task)
        if trainer.is_global_zero and self._due(task) > self._num_lines:
            self._num_lines = self._due(task)
            log.info("%s images  %s", self._images(task), self._state(task))

    def on_train_end(self, trainer: pl.Trainer, task: ManualTask) -> None:  # type: ignore[override]
        if self._bar is not None:
            self._draw(task)
        self._stop()

    def on_exception(self, trainer: pl.Trainer, task: pl.LightningModule, exception: BaseException) -> None:
        self._stop()

    def _due(self, task: ManualTask) -> int:
        """Return how many lines belong to the part of the run that is done."""
        return int(task.progress / self.share + 1e-9)  # .3 / .1 is a little less than 3

    def _draw(self, task: ManualTask) -> None:
        if self._bar is not None:
            fields = {"images": self._images(task), "state": self._state(task)}
            self._bar.update(
                self._id,
                completed=min(task.images_seen, task.num_images),
                refresh=True,
                images=fields["images"],
                state=fields["state"],
            )

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _images(self, task: ManualTask) -> str:
        return f"{short(task.images_seen)}/{short(task.num_images)}"

    def _state(self, task: ManualTask) -> str:
        elapsed = time.monotonic() - self._start
        evaluation = self.evaluation
        measuring = 0.0 if evaluation is None else evaluation.seconds_here
        seconds = elapsed - measuring
        parts = [f"{short((task.images_seen - self._start_images) / max(seconds, 1e-9))} img/s"]
        for role in reversed(task.roles):
            if (loss := task.scalars.get(f"train/{role}/adversarial")) is not None:
                parts.append(f"{role[0].upper()} {loss:.3f}")
        if evaluation is not None and evaluation.value is not None:
            parts.append(f"{evaluation.suite.best} {evaluation.value:.3g}")
        if measuring >= 0.01 * elapsed:
            parts.append(f"evaluation {measuring / elapsed:.0%}")
        return "  ".join(parts)
