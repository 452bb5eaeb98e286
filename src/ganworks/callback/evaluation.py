"""Measure the averaged generator while it trains."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch

from ganworks.callback.interval import ImageInterval
from ganworks.logger.tell import tell
from ganworks.metric import Result, Suite, evaluate, merged
from ganworks.task import AdversarialTask


class Evaluation(ImageInterval):
    """Run the metric suite every `suite.every_images` images and at the end; keep the best and the last figures.

    Attributes:
        figures: the last evaluation, or None before the first.
        best: value, position in images and number of the evaluations that it is the best of.
        is_best: whether the last evaluation is the best so far; the checkpoint callback reads it.
        seconds: time spent measuring, that before a resume included; `seconds_here`: in this process
            since its first step; `cpu_seconds_here`: CPU time of this process since then.

    With `suite.num_samples_training` the evaluations during training take that many samples, under their own
    names, and the one at the end is of both numbers: beside all figures of `suite.num_samples` stays the one that
    picks the best checkpoint. All devices draw and read their share of the samples.

    Args:
        suite: the metrics.
        at_start: measure before the first step as well, unless the run is resumed.
    """

    def __init__(self, suite: Suite, at_start: bool = False) -> None:
        super().__init__(suite.every_images, at_start)
        self.suite = suite
        self.figures: Result | None = None
        self.best: dict[str, Any] = {}
        self.is_best = False
        self.num_evaluations, self.seconds, self.seconds_here = 0, 0.0, 0.0
        self.cpu_seconds_here = 0.0

    def on_fit_start(self, trainer: pl.Trainer, task: pl.LightningModule) -> None:
        self.suite.prepare(trainer.datamodule)  # type: ignore[attr-defined]

    def on_train_start(self, trainer: pl.Trainer, task: AdversarialTask) -> None:  # type: ignore[override]
        super().on_train_start(trainer, task)
        # Those who take it off their own time, for images a second, begin to count behind an evaluation at the start.
        self.seconds_here = self.cpu_seconds_here = 0.0

    def act(self, trainer: pl.Trainer, task: AdversarialTask) -> None:  # type: ignore[override]
        self.figures = self._measure(trainer, task, self.suite.num_samples_training)
        if self.value is None:
            return
        self.num_evaluations += 1
        self._keep_best(self.value, task.images_seen)
        self._log(trainer, task, self.figures)

    def on_train_end(self, trainer: pl.Trainer, task: AdversarialTask) -> None:  # type: ignore[override]
        super().on_train_end(trainer, task)
        if self.figures is not None and self.suite.num_samples_training != self.suite.num_samples:
            figures = self._measure(trainer, task, self.suite.num_samples)
            both = merged(figures, self.figures)
            picks = {name: value for name, value in self.figures.values.items() if name == self.suite.best}
            self.figures = merged(figures, replace(self.figures, values=picks))
            self._log(trainer, task, both)

    def _measure(self, trainer: pl.Trainer, task: AdversarialTask, num: int) -> Result:
        start, cpu = time.perf_counter(), time.process_time()
        sampler = task.sampler()
        figures = evaluate(self.suite, sampler, trainer.datamodule, num=num)  # type: ignore[attr-defined]
        figures = trainer.strategy.broadcast(figures)
        elapsed = time.perf_counter() - start
        self.seconds, self.seconds_here = self.seconds + elapsed, self.seconds_here + elapsed
        self.cpu_seconds_here += time.process_time() - cpu
        return figures

    def _log(self, trainer: pl.Trainer, task: AdversarialTask, result: Result) -> None:
        """Log the figures, and the contracts of all those that loggers show, the earlier ones' too."""
        assert self.figures is not None
        scalars = {f"metric/{name}": value for name, value in self.figures.values.items()}
        task.log_scalars(scalars)
        trainer.callback_metrics.update({name: torch.tensor(value) for name, value in scalars.items()})
        tell(trainer.loggers, "log_contract", result.contract)

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


class ReadsEvaluation:
    """A callback that reads what the run's `Evaluation` found; whoever builds the run hands it over.

    Attributes:
        evaluation: None in a run without a metric.
    """

    evaluation: Evaluation | None = None
