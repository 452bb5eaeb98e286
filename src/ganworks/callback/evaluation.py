"""Measure the averaged generator while it trains."""

from __future__ import annotations

import math
import time
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from ganworks.callback.interval import ImageInterval
from ganworks.metric import Evaluation as Figures
from ganworks.metric import Suite
from ganworks.noise import keyed_rng
from ganworks.sampler import Sampler
from ganworks.task import AdversarialTask


class Evaluation(ImageInterval):
    """Run the metric suite every `suite.every_images` images and at the end; keep the best and the last figures.

    Attributes:
        figures: the last evaluation, or None before the first.
        best: value, position in images and number of the evaluations that it is the best of.
        is_best: whether the last evaluation is the best so far; the checkpoint callback reads it.
        seconds: time spent measuring, that before a resume included; `seconds_here`: in this process.
    """

    def __init__(self, suite: Suite) -> None:
        super().__init__(suite.every_images)
        self.suite = suite
        self.figures: Figures | None = None
        self.best: dict[str, Any] = {}
        self.is_best = False
        self.num_evaluations, self.seconds, self.seconds_here = 0, 0.0, 0.0

    def on_fit_start(self, trainer: pl.Trainer, task: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            self.suite.prepare(trainer.datamodule)  # type: ignore[attr-defined]

    def act(self, trainer: pl.Trainer, task: AdversarialTask) -> None:  # type: ignore[override]
        start = time.perf_counter()
        figures = self._measure(trainer, task) if trainer.is_global_zero else Figures({}, {})
        self.figures = trainer.strategy.broadcast(figures)
        elapsed = time.perf_counter() - start
        self.seconds, self.seconds_here = self.seconds + elapsed, self.seconds_here + elapsed
        if self.value is None:
            return
        self.num_evaluations += 1
        self._keep_best(self.value, task.images_seen)
        scalars = {f"metric/{name}": value for name, value in self.figures.values.items()}
        task.log_scalars(scalars)
        trainer.callback_metrics.update({name: torch.tensor(value) for name, value in scalars.items()})

    def _measure(self, trainer: pl.Trainer, task: AdversarialTask) -> Figures:
        with torch.autocast(task.device.type, enabled=False):
            return measure(self.suite, Sampler(task.ema_generator, {}), trainer.datamodule)  # type: ignore[attr-defined]

    @property
    def value(self) -> float | None:
        """The figure that picks the best checkpoint, of the last evaluation."""
        return None if self.figures is None else self.figures.values.get(self.suite.best or "")

    def _keep_best(self, value: float, images_seen: int) -> None:
        best = self.best.get("value")
        is_better = best is None or (value < best if self.suite.mode == "min" else value > best)
        self.is_best = math.isfinite(value) and is_better
        if self.is_best:
            self.best = {"metric": self.suite.best, "value": value, "images_seen": images_seen}
        self.best["num_evaluations"] = self.num_evaluations

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "num_evaluations": self.num_evaluations, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.num_evaluations = state_dict["best"], state_dict["num_evaluations"]
        self.seconds = state_dict["seconds"]


def measure(
    suite: Suite, sampler: Sampler, datamodule: Any, truncation: float | None = None, batch_size: int = 250
) -> Figures:
    """Return the figures of `suite.num_samples` samples; labels are drawn as often as the data has them."""
    labels = _labels_like(datamodule, suite) if sampler.generator.num_classes else None
    labels = sampler.labels(suite.num_samples, suite.seed, labels)
    latent = sampler.draw_latent(suite.num_samples, suite.seed, truncation)
    batches = sampler.batches(latent, labels, batch_size)
    figures = suite.evaluate(batches, labels, sampler, truncation)
    figures.contract.update(ema=True, truncation="none" if truncation is None else truncation)
    return figures


def _labels_like(datamodule: Any, suite: Suite) -> Tensor | None:
    """Return labels (num_samples,) in the proportions of the data; None, uniform draws, where it has none."""
    labels = getattr(getattr(datamodule, "samples", None), "labels", None)
    if labels is None:
        return None
    order = torch.randperm(len(labels), generator=keyed_rng(suite.seed, "metric/label"))
    return labels[order[torch.arange(suite.num_samples) % len(labels)]]
