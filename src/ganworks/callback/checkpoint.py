"""Checkpoints in image time: the last and the best, never half written, never of a broken network."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.plugins import AsyncCheckpointIO

from ganworks.callback.evaluation import ReadsEvaluation
from ganworks.callback.interval import ImageInterval
from ganworks.digest import write_checkpoint
from ganworks.errors import SettingError
from ganworks.logger.artifact import Artifact, aliases_of
from ganworks.logger.tell import tell
from ganworks.sample.loading import BEST, LAST, PREVIOUS
from ganworks.staged import staged
from ganworks.task import AdversarialTask
from ganworks.task.player import local

log = logging.getLogger(__name__)


class DigestIO(TorchCheckpointIO):
    """Write checkpoints with their digest, to the very path that is given: Lightning stages them in the system's
    temporary folder, often a small disk or memory."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        write_checkpoint(checkpoint, Path(path))


class Checkpoint(ReadsEvaluation, ImageInterval):
    """Write `last.ckpt` every so many images and at the end, `best.ckpt` whenever the metric is at its best.

    They go to `checkpoints/` in the run directory; with `last.ckpt` the averaged generator goes to `generator/`.
    The `last.ckpt` before stays as `last.previous.ckpt`, for the day when the disk damages the other.
    All that is logged at a count of images has to be logged before the checkpoint of that count, from which the run
    goes on after it: whoever builds the run puts this callback behind the others.
    Weights that are not finite are never saved: the last good checkpoint stays.

    Args:
        every_images: interval of `last.ckpt` in images.

    Attributes:
        export: plain types that every checkpoint and the generator's folder carry: the generator's
            configuration under ``generator``, from which `load_generator` builds it, and what a reader wants
            to know. The command that builds the run fills it in.
    """

    def __init__(self, every_images: float | None) -> None:
        super().__init__(every_images)
        self.export: dict[str, Any] = {}

    def setup(self, trainer: pl.Trainer, task: pl.LightningModule, stage: str) -> None:
        writer = trainer.strategy.checkpoint_io
        if isinstance(writer, AsyncCheckpointIO):  # it would write when the file has its name already
            name, allowed = type(writer).__name__, "one that has written a checkpoint when it returns"
            raise SettingError("trainer.plugins", name, allowed)
        if type(writer) is TorchCheckpointIO:  # none of the user's own
            trainer.strategy.checkpoint_io = DigestIO()

    def on_train_start(self, trainer: pl.Trainer, task: AdversarialTask) -> None:  # type: ignore[override]
        super().on_train_start(trainer, task)
        if trainer.is_global_zero:
            tell(trainer.loggers, "rewind", task.images_seen)
            best = Path(trainer.default_root_dir) / "checkpoints" / BEST
            if (
                task.images_seen and "images_seen" in self._best and best.is_file()
            ):  # of an earlier process, whose end may not have come
                self._offer(
                    trainer, Artifact(best, "checkpoint", aliases_of(self._best)), self._best["images_seen"]
                )
        self._save_best(trainer, task)  # of weights that were measured before the first step

    def on_train_batch_end(self, trainer: pl.Trainer, task: AdversarialTask, *args: object) -> None:  # type: ignore[override]
        # First: a run that goes on from the last checkpoint takes the best one to be there.
        self._save_best(trainer, task)
        super().on_train_batch_end(trainer, task, *args)

    def on_train_end(self, trainer: pl.Trainer, task: AdversarialTask) -> None:  # type: ignore[override]
        self._save_best(trainer, task)
        super().on_train_end(trainer, task)

    def act(self, trainer: pl.Trainer, task: AdversarialTask) -> None:  # type: ignore[override]
        if not self.save(trainer, task, LAST):
            return
        sampler = task.sampler({**self.export, "images_seen": task.images_seen})
        if trainer.is_global_zero:
            folder = Path(trainer.default_root_dir) / "generator"
            sampler.save(folder)
            is_best = self._best.get("images_seen") == task.images_seen
            aliases = ("latest", *(aliases_of(self._best) if is_best else ()))
            self._offer(trainer, Artifact(folder, "generator", aliases), task.images_seen)

    def save(self, trainer: pl.Trainer, task: AdversarialTask, name: str) -> bool:
        """Write a checkpoint, complete or not at all; say whether the state was fit for one."""
        # Of all ranks: they save together.
        if not trainer.strategy.reduce_boolean_decision(is_sound(task), all=True):
            log.warning("No checkpoint at %s images: the state is not finite.", f"{task.images_seen:,}")
            return False
        path = Path(trainer.default_root_dir) / "checkpoints" / name
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                logger.save()
            with staged(path) as temporary:
                trainer.save_checkpoint(temporary)
                if name == LAST:
                    keep_as(path, path.with_name(PREVIOUS))
            aliases = ("latest",) if name == LAST else aliases_of(self._best)
            self._offer(trainer, Artifact(path, "checkpoint", aliases), task.images_seen)
        else:
            trainer.save_checkpoint(path)  # gives the first process what it writes
        trainer.strategy.barrier("checkpoint")
        return True

    @property
    def _best(self) -> Mapping[str, Any]:
        """What the run's evaluation found best; empty without one."""
        return {} if self.evaluation is None else self.evaluation.best

    def _offer(self, trainer: pl.Trainer, artifact: Artifact, images_seen: int) -> None:
        """Offer a file of the weights at ``images_seen`` to the loggers that keep such files."""
        name = self.export.get("name")
        metadata = {"images_seen": images_seen, "name": name, "best": dict(self._best)}
        tell(trainer.loggers, "keep_artifact", replace(artifact, metadata=metadata))

    def _save_best(self, trainer: pl.Trainer, task: AdversarialTask) -> None:
        if self.evaluation is not None and self.evaluation.is_best:
            self.evaluation.is_best = False
            self.save(trainer, task, BEST)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, task: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["export"] = self.export


def keep_as(path: Path, other: Path) -> None:
    """Give the file at ``path``, which is about to be replaced, the name ``other``; do nothing where there is none.

    By a second name where the file system has such, so that there is a file at ``path`` at every moment.
    """
    if not path.is_file():
        return
    other.unlink(missing_ok=True)
    try:
        other.hardlink_to(path)
    except OSError:
        path.replace(other)


def is_sound(task: AdversarialTask) -> bool:
    """Say whether the last loss and all weights are finite."""
    weights = [local(parameter.detach()) for parameter in task.parameters() if parameter.is_floating_point()]
    norms = torch.stack(torch._foreach_norm(weights))
    return task.guard.num_bad_steps == 0 and bool(torch.isfinite(norms).all())
