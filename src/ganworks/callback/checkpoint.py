"""Checkpoints in image time: the last and the best, never half written, never of a broken network."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from ganworks.callback.evaluation import ReadsEvaluation
from ganworks.callback.interval import ImageInterval
from ganworks.task import AdversarialTask
from ganworks.task.player import local

log = logging.getLogger(__name__)


class Checkpoint(ReadsEvaluation, ImageInterval):
    """Write `last.ckpt` every so many images and at the end, `best.ckpt` whenever the metric is at its best.

    They go to `checkpoints/` in the run directory; with `last.ckpt` the averaged generator goes to `generator/`.
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

    def on_train_start(self, trainer: pl.Trainer, task: AdversarialTask) -> None:  # type: ignore[override]
        super().on_train_start(trainer, task)
        self._save_best(trainer, task)  # of weights that were measured before the first step

    def on_train_batch_end(self, trainer: pl.Trainer, task: AdversarialTask, *args: object) -> None:  # type: ignore[override]
        super().on_train_batch_end(trainer, task, *args)
        self._save_best(trainer, task)

    def on_train_end(self, trainer: pl.Trainer, task: AdversarialTask) -> None:  # type: ignore[override]
        self._save_best(trainer, task)
        super().on_train_end(trainer, task)

    def act(self, trainer: pl.Trainer, task: AdversarialTask) -> None:  # type: ignore[override]
        if not self.save(trainer, task, "last.ckpt"):
            return
        sampler = task.sampler({**self.export, "images_seen": task.images_seen})
        if trainer.is_global_zero:
            sampler.save(Path(trainer.default_root_dir) / "generator")

    def save(self, trainer: pl.Trainer, task: AdversarialTask, name: str) -> bool:
        """Write a checkpoint under a temporary name and rename it; say whether the state was fit for one."""
        # Of all ranks: they save together.
        if not trainer.strategy.reduce_boolean_decision(is_sound(task), all=True):
            log.warning("No checkpoint at %s images: the state is not finite.", f"{task.images_seen:,}")
            return False
        path = Path(trainer.default_root_dir) / "checkpoints" / name
        temporary = path.with_suffix(".tmp")
        trainer.save_checkpoint(temporary)
        if trainer.is_global_zero:
            temporary.replace(path)
        trainer.strategy.barrier("checkpoint")
        return True

    def _save_best(self, trainer: pl.Trainer, task: AdversarialTask) -> None:
        if self.evaluation is not None and self.evaluation.is_best:
            self.evaluation.is_best = False
            self.save(trainer, task, "best.ckpt")

    def on_save_checkpoint(
        self, trainer: pl.Trainer, task: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["export"] = self.export


def is_sound(task: AdversarialTask) -> bool:
    """Say whether the last loss and all weights are finite."""
    weights = [local(parameter.detach()) for parameter in task.parameters() if parameter.is_floating_point()]
    norms = torch.stack(torch._foreach_norm(weights))
    return task.guard.num_bad_steps == 0 and bool(torch.isfinite(norms).all())
