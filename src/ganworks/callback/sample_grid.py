"""The picture of training: the same latents through the averaged generator, again and again."""

from __future__ import annotations

from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor

from ganworks.callback.interval import ImageInterval
from ganworks.errors import check_count
from ganworks.picture import log_pictures, save_picture
from ganworks.sample.sampler import Sampler
from ganworks.task import AdversarialTask


class SampleGrid(ImageInterval):
    """Write `samples/<images_seen>.png` in the run directory and log it, one picture an event.

    A conditional generator shows one class a column.

    Args:
        every_images: interval in images.
        num: samples a picture.
        num_points: samples a picture where they are points in the plane.
        seed: key of the latents, which stay the same during a run.
    """

    def __init__(
        self, every_images: float | None, num: int = 64, num_points: int = 2500, seed: int = 0
    ) -> None:
        super().__init__(every_images, at_start=True)
        self.seed = seed
        self.num, self.num_points = check_count("num", num), check_count("num_points", num_points)
        self.latest: Path | None = None

    def act(self, trainer: pl.Trainer, task: AdversarialTask) -> None:  # type: ignore[override]
        sampler = Sampler(task.averaged(), {})
        if not trainer.is_global_zero:
            return
        samples, columns = self.draw(sampler)
        path = Path(trainer.default_root_dir) / "samples" / f"{task.images_seen:012d}.png"
        self.latest = save_picture(samples, path, columns, self.reals(trainer))
        log_pictures({"samples": path}, trainer.loggers, task.images_seen)

    def draw(self, sampler: Sampler) -> tuple[Tensor, int | None]:
        """Return the samples of a picture and its number of columns; None leaves it to the picture."""
        num_classes = sampler.generator.num_classes
        if len(sampler.generator.shape) == 1:
            return sampler.sample(self.num_points, self.seed), None
        if not num_classes:
            return sampler.sample(self.num, self.seed), None
        columns = min(num_classes, 16)
        num = max(1, self.num // columns) * columns
        return sampler.sample(num, self.seed, label=torch.arange(num) % columns), columns

    def reals(self, trainer: pl.Trainer) -> Tensor | None:
        """Return real points (N, D) to show below the samples; None for images."""
        datamodule = trainer.datamodule  # type: ignore[attr-defined]
        if datamodule is None or len(datamodule.shape) != 1:
            return None
        return next(iter(datamodule.reference_batches(self.num_points)))["real"]
