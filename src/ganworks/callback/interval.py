"""Callbacks that act every so many images."""

from __future__ import annotations

from abc import abstractmethod

import pytorch_lightning as pl

from ganworks.errors import check_count
from ganworks.task import ManualTask


class ImageInterval(pl.Callback):
    """Call `act` whenever `images_seen` has passed a multiple of ``every_images``, and at the end of training.

    Args:
        every_images: the interval; None acts at the end alone.
        at_start: act before the first step as well, unless the run is resumed.
    """

    def __init__(self, every_images: float | None, at_start: bool = False) -> None:
        self.every_images = None if every_images is None else check_count("every_images", every_images)
        self.at_start = at_start
        self._acted_at = -1

    @abstractmethod
    def act(self, trainer: pl.Trainer, task: ManualTask) -> None:
        """Do what is due at `task.images_seen`."""

    def on_train_start(self, trainer: pl.Trainer, task: ManualTask) -> None:  # type: ignore[override]
        self._seen = task.images_seen
        if self.at_start and task.images_seen == 0:
            self._act_once(trainer, task)

    def on_train_batch_end(self, trainer: pl.Trainer, task: ManualTask, *args: object) -> None:  # type: ignore[override]
        before, self._seen = self._seen, task.images_seen
        if self.every_images is not None and before // self.every_images < self._seen // self.every_images:
            self._act_once(trainer, task)

    def on_train_end(self, trainer: pl.Trainer, task: ManualTask) -> None:  # type: ignore[override]
        self._act_once(trainer, task)

    def _act_once(self, trainer: pl.Trainer, task: ManualTask) -> None:
        if self._acted_at != task.images_seen:
            self._acted_at = task.images_seen
            self.act(trainer, task)
