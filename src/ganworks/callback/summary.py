"""summary.json and the closing table: what a run reached, under which contract, and what to do next."""

from __future__ import annotations

import json
import logging
import math
import platform
import signal
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as pl
from rich.console import Console

from ganworks.callback import closing
from ganworks.callback.evaluation import Evaluation
from ganworks.callback.machine import git_commit, git_diff, peak_memory_mb
from ganworks.callback.sample_grid import SampleGrid
from ganworks.callback.stop import GracefulStop
from ganworks.interrupt import Interrupted
from ganworks.logger.tell import tell
from ganworks.metric.contract import contract_lines
from ganworks.model.base import conditions_of, noise_of, num_classes_of
from ganworks.staged import write_text
from ganworks.task import ManualTask, NonFiniteLossError
from ganworks.task.player import num_parameters
from ganworks.words import relative_path

log = logging.getLogger(__name__)
PACKAGES = ("ganworks", "torch", "pytorch-lightning", "torchmetrics", "torchvision", "hydra-core", "wandb")


@runtime_checkable
class Contributor(Protocol):
    """A callback with something to say in summary.json."""

    def summary(self) -> dict[str, Any]:
        """Return entries of plain types."""


class RunSummary(pl.Callback):
    """Write summary.json when training starts, ends or fails; print a table at the end.

    The file's ``status`` is one of running, finished, stopped (by a limit of the trainer), interrupted (by a
    signal), diverged or failed.

    Args:
        launched_at: `time.time()` at which the command began, from which start-up is measured.
        stop: knows of a signal that ended the run.
        evaluation: of the run; None where it has no metric.
        callbacks: the run's others: contributors to the file, sample grids that the table points at.
    """

    def __init__(
        self,
        launched_at: float | None = None,
        stop: GracefulStop | None = None,
        evaluation: Evaluation | None = None,
        callbacks: Sequence[pl.Callback] = (),
    ) -> None:
        self.launched_at = launched_at or time.time()
        self.stop, self.evaluation = stop, evaluation
        self.contributors = [callback for callback in callbacks if isinstance(callback, Contributor)]
        self.grids = [callback for callback in callbacks if isinstance(callback, SampleGrid)]
        self.content: dict[str, Any] = {}
        self.can_draw, self.has_latent, self.picture_suffix = True, True, ".png"
        self._start: float | None = None  # until training starts, which an error may prevent
        self._first_batch: float | None = None
        self._earlier_seconds, self._start_images, self._start_cpu = 0.0, 0, 0.0

    def setup(self, trainer: pl.Trainer, task: pl.LightningModule, stage: str) -> None:
        self.run_dir = Path(trainer.default_root_dir)

    def on_train_start(self, trainer: pl.Trainer, task: ManualTask) -> None:  # type: ignore[override]
        self._start, self._start_cpu = time.monotonic(), time.process_time()
        self._start_images = task.images_seen
        self._note_sampling(trainer, task)
        keepers = [logger for logger in trainer.loggers if hasattr(logger, "log_code")]
        if (
            trainer.is_global_zero and keepers
        ):  # git takes its time in a large repository: not for metrics.csv alone
            tell(keepers, "log_code", git_commit(), git_diff())
        self.write(trainer, task, "running")

    def _note_sampling(self, trainer: pl.Trainer, task: ManualTask) -> None:
        """Note how the trained generator can be drawn from, for the commands at the end."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        player = task.players["generator"]
        labels = getattr(data, "label_kind", "class") if num_classes_of(player) else "class"
        self.can_draw = set(conditions_of(player)) <= {"label"} and labels in ("class", "none")
        self.has_latent = "latent" in noise_of(player)
        self.picture_suffix = getattr(getattr(data, "kind", None), "picture_suffix", ".png")

    def on_train_batch_start(self, *args: object) -> None:
        if self._first_batch is None:
            self._first_batch = time.time() - self.launched_at

    def on_train_end(self, trainer: pl.Trainer, task: ManualTask) -> None:  # type: ignore[override]
        status = "finished" if task.progress >= 1 else "interrupted" if self.received else "stopped"
        self.write(trainer, task, status)
        if trainer.is_global_zero:
            self.show(Console())

    def on_exception(self, trainer: pl.Trainer, task: ManualTask, exception: BaseException) -> None:  # type: ignore[override]
        """Write how the run ended; nothing that goes wrong here may hide ``exception``, which is told by others."""
        status = "failed"
        if isinstance(exception, NonFiniteLossError):
            status = "diverged"
            self._alert(trainer, task, exception)
        elif isinstance(exception, Interrupted | KeyboardInterrupt):
            status = "interrupted"
        error = f"{type(exception).__name__}: {exception}"
        try:
            if self._start is None:  # the task does not stand where the run does
                self.amend(trainer, status, error)
            else:
                self.write(trainer, task, status, error)
        except Exception as failure:
            log.debug("summary.json: %s", failure)
            self.amend(trainer, status, error)

    def _alert(self, trainer: pl.Trainer, task: ManualTask, exception: NonFiniteLossError) -> None:
        """Tell the loggers that the run diverged, unless the doctor has."""
        if trainer.is_global_zero and not any(getattr(each, "diagnosis", None) for each in self.contributors):
            title = "The loss is not finite"
            tell(trainer.loggers, "log_alert", title, str(exception), "ERROR", task.images_seen)

    def amend(self, trainer: pl.Trainer, status: str, error: str) -> None:
        """Change status and error in summary.json and leave the rest of it; where that fails, say so."""
        self.change(trainer, {"status": status, "error": error})

    def change(self, trainer: pl.Trainer, changes: dict[str, Any]) -> None:
        """Change entries of summary.json.

        On a full disk there is no room for a second file: the one that is there is written over.
        """
        path = Path(trainer.default_root_dir) / "summary.json"
        self.content = {**self.content, **changes}
        if not trainer.is_global_zero:
            return
        try:
            earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            self.content = {**earlier, **changes}
            text = json.dumps(without_nan(self.content), indent=2) + "\n"
            with path.open("r+" if path.exists() else "w", encoding="utf-8") as file:
                file.write(text)
                file.truncate()
        except (OSError, ValueError) as failure:
            log.error("%s was not written (%s); it lacks %s.", path, failure, changes)

    def note_records(self, trainer: pl.Trainer) -> None:
        """Note in summary.json which loggers' records lack a part of the run, and why; called when they have ended."""
        lacking = {
            type(logger).__name__: reason
            for logger in trainer.loggers
            if (reason := getattr(logger, "incomplete", None)) is not None
        }
        if lacking and self.content:
            self.change(trainer, {"incomplete_records": lacking})

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._earlier_seconds = state_dict["seconds"]

    @property
    def received(self) -> signal.Signals | None:
        """The signal that ended the run, or None."""
        return None if self.stop is None else self.stop.received

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of training, those before a resume included."""
        return self._earlier_seconds + (0.0 if self._start is None else time.monotonic() - self._start)

    def write(self, trainer: pl.Trainer, task: ManualTask, status: str, error: str | None = None) -> None:
        """Write summary.json, complete or not at all."""
        self.content = {
            "status": status,
            "error": error,
            "images_seen": task.images_seen,
            "num_images": task.num_images,
            "generator_updates": trainer.global_step,
            **self._figures(),
            **self._contributions(),
            "scalars": task.scalars,
            "images_per_second": self._rate(task),
            "cpu_seconds_per_image": self._cpu(task),
            "seconds": round(self.seconds, 2),
            "start_up_seconds": None if self._first_batch is None else round(self._first_batch, 2),
            "peak_memory_mb": peak_memory_mb(),
            "data": self._data(trainer),
            "parameters": {role: num_parameters(player) for role, player in task.players.items()},
            "device": str(task.device),
            "num_devices": trainer.world_size,
            "precision": str(trainer.precision),
            "seed": task.seed,
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
            "git_commit": git_commit(),
            "last_checkpoint": self._last_checkpoint(),
        }
        if not trainer.is_global_zero:
            return
        content = without_nan(self.content)
        write_text(self.run_dir / "summary.json", json.dumps(content, indent=2) + "\n")
        tell(trainer.loggers, "log_outcome", content)

    def _figures(self) -> dict[str, Any]:
        figures = None if self.evaluation is None else self.evaluation.figures
        if self.evaluation is None or figures is None or not figures.values:
            empty: dict[str, Any] = {"metrics": {}, "floor": {}, "baselines": {}, "contract": {}, "best": {}}
            return {**self._monitor(), **empty}
        return {
            **self._monitor(),
            "metrics": figures.values,
            "floor": figures.floor,
            "baselines": figures.baselines,
            "notes": figures.notes,
            "contract": figures.contract,
            "best": self.evaluation.best,
            "evaluation_seconds": round(self.evaluation.seconds, 2),
        }

    def _monitor(self) -> dict[str, Any]:
        """Return which figure picks the best checkpoint, and whether it is good where it is low (min) or high (max)."""
        if self.evaluation is None or self.evaluation.suite.best is None:
            return {}
        return {"monitor": {"metric": self.evaluation.suite.best, "mode": self.evaluation.suite.mode}}

    @staticmethod
    def _data(trainer: pl.Trainer) -> dict[str, Any]:
        """Return what the data says of itself, where it is one of ours."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        return data.describe() if hasattr(data, "describe") else {}

    def _contributions(self) -> dict[str, Any]:
        contents = [contributor.summary() for contributor in self.contributors]
        return {name: value for content in contents for name, value in content.items()}

    def _rate(self, task: ManualTask) -> float:
        """Images a second of this process's training, evaluation excluded."""
        seconds = 0.0 if self._start is None else time.monotonic() - self._start
        if self.evaluation is not None:
            seconds -= self.evaluation.seconds_here
        return round((task.images_seen - self._start_images) / max(seconds, 1e-9), 1)

    def _cpu(self, task: ManualTask) -> float | None:
        """CPU seconds of this process for an image, evaluation excluded; other work disturbs them little."""
        images = task.images_seen - self._start_images
        measuring = 0.0 if self.evaluation is None else self.evaluation.cpu_seconds_here
        if images <= 0:
            return None
        return float(f"{max(time.process_time() - self._start_cpu - measuring, 0.0) / images:.4g}")

    def _last_checkpoint(self) -> str | None:
        return "checkpoints/last.ckpt" if (self.run_dir / "checkpoints" / "last.ckpt").exists() else None

    def show(self, console: Console) -> None:
        """Print the figures, where the pictures are, and the next commands to try."""
        console.print(
            f"{relative_path(self.run_dir)}: {self.content['status']}",
            style="bold",
            soft_wrap=True,
            highlight=False,
        )
        console.print(closing.table(self.content, self.seconds))
        for line in contract_lines(self.content["contract"]):
            console.print(line, soft_wrap=True, highlight=False, style="dim")
        for latest in [grid.latest for grid in self.grids if grid.latest is not None]:
            console.print(f"Look at the samples:  {relative_path(latest)}", soft_wrap=True, highlight=False)
        for text, command in self.next_commands(self.content["status"]):
            console.print(f"{text:<22}{command}", soft_wrap=True, highlight=False)

    def next_commands(self, status: str) -> list[tuple[str, str]]:
        """Return what to try next, as (words, command)."""
        content = {**self.content, "status": status}
        return closing.next_commands(
            content, self.run_dir, self.picture_suffix, self.can_draw, self.has_latent
        )


def without_nan(content: Any) -> Any:
    """Return plain types with null for what JSON has no number for."""
    if isinstance(content, dict):
        return {name: without_nan(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
