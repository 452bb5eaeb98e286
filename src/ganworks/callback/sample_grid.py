"""The picture of training: the same noise through the averaged generator, again and again."""

from __future__ import annotations

from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor

from ganworks.callback.interval import ImageInterval
from ganworks.data import GanDataModule
from ganworks.errors import check_count
from ganworks.picture import log_pictures
from ganworks.sample.kind import Kind
from ganworks.sample.sampler import Sampler
from ganworks.task import ManualTask


class SampleGrid(ImageInterval):
    """Write `samples/<images_seen>` in the run directory and log it, one picture an event.

    What the picture looks like, and what its file is called, is up to the kind of samples. A generator of classes
    shows one class a column; conditions that cannot be made up, such as a source or a vector, are those of real
    samples. A translator shows sources of the reference, what it makes of them and, of pairs, what they should be.

    Args:
        every_images: interval in images.
        num: samples a picture.
        num_points: samples a picture of a kind that shows thousands, such as points in the plane.
        seed: key of the noise, which stays the same during a run.
    """

    def __init__(
        self, every_images: float | None, num: int = 64, num_points: int = 2500, seed: int = 0
    ) -> None:
        super().__init__(every_images, at_start=True)
        self.seed = seed
        self.num, self.num_points = check_count("num", num), check_count("num_points", num_points)
        self.latest: Path | None = None

    def act(self, trainer: pl.Trainer, task: ManualTask) -> None:
        sampler = task.sampler()
        if not trainer.is_global_zero:
            return
        datamodule = trainer.datamodule  # type: ignore[attr-defined]
        kind: Kind = getattr(datamodule, "kind", None) or sampler.kind
        name = f"{task.images_seen:012d}{kind.picture_suffix}"
        path = Path(trainer.default_root_dir) / "samples" / name
        if "source" in sampler.conditions and datamodule is not None:
            paths = kind.save_comparison(self.translate(sampler, datamodule, task.truth), path)
        else:
            samples, columns = self.draw(sampler, kind, datamodule)
            paths = kind.save_picture(samples, path, columns, self.reals(kind, datamodule))
        self.latest = paths[0]
        for path in paths:
            log_pictures({"samples": path}, trainer.loggers, task.images_seen)

    def draw(self, sampler: Sampler, kind: Kind, datamodule: object = None) -> tuple[Tensor, int | None]:
        """Return the samples of a picture and its number of columns; None leaves it to the kind."""
        sampler = sampler.beside(datamodule)
        if kind.is_cloud:
            return sampler.sample(self.num_points, self.seed), None
        if sampler.label_kind != "class":
            return sampler.sample(self.num, self.seed), None
        columns = min(sampler.num_classes, 16)
        num = max(1, self.num // columns) * columns
        return sampler.sample(num, self.seed, label=torch.arange(num) % columns), columns

    def translate(self, sampler: Sampler, datamodule: GanDataModule, truth: str | None) -> dict[str, Tensor]:
        """Return the rows of a translator's picture: sources, translations and, where there are some, true samples.

        Args:
            truth: the field of the data with the sample that belongs to each source; None where they have none.
        """
        wanted = [*sampler.conditions, *([] if truth is None else [truth])]
        num = min(self.num, datamodule.num_reals)
        drawn = datamodule.draw_conditions(wanted, num, self.seed)
        conditions = {name: drawn[name] for name in sampler.conditions if name in drawn}
        rows = {
            "source": drawn["source"],
            "translation": sampler.sample(num, self.seed, conditions=conditions),
        }
        return rows if truth is None or truth not in drawn else {**rows, "truth": drawn[truth]}

    def reals(self, kind: Kind, datamodule: object) -> Tensor | None:
        """Return real samples to show below a cloud; None for other kinds."""
        if datamodule is None or not kind.is_cloud:
            return None
        return next(iter(datamodule.reference_batches(self.num_points)))["real"]  # type: ignore[attr-defined]
