"""The stability doctor at a run's side: signals to the loggers, episodes in words, the treatment of divergence."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from ganworks.callback.evaluation import ReadsEvaluation
from ganworks.callback.restore import restore, take_as_last, way_back
from ganworks.doctor import Diagnosis, Episode, Probe, setup_of
from ganworks.doctor.derived import LABEL_MATCHES, LabelLink, Speed, derived, of_evaluation, suffixes
from ganworks.doctor.rules import BY_NAME
from ganworks.errors import check_choice, check_count, check_range
from ganworks.logger.tell import tell
from ganworks.task import AdversarialTask, NonFiniteLossError
from ganworks.words import short

log = logging.getLogger(__name__)
MIN_LOOKS = 40  # of a run: rules ask for five in a row, and should speak within a fifth of it
ON_DIVERGENCE = ("stop", "restore", "continue")


class Doctor(ReadsEvaluation, pl.Callback):
    """Look at every so-many-th step, say each trouble once when it begins, and note when it ends.

    It reads along on the first process alone and changes nothing: a run with it equals one without it to the bit,
    but for ``on_divergence``.

    Args:
        every_n_steps: batches between two looks; None for `trainer.log_every_n_steps`, or less in a run so short that
            it would get fewer than `MIN_LOOKS`.
        on_divergence: what follows `task.patience` updates in a row whose loss is not finite: "stop" the run with its
            cause, "restore" the last good checkpoint with lower learning rates, or "continue".
        max_restores: restores of a run, after which it stops.
        lr_factor: factor of the learning rates at each restore, up to 1.

    Attributes:
        settings: the run's configuration, so that advice names no setting that it does not have; the command that
            builds the run fills it in.

    Raises:
        SettingError: a setting that it cannot have.
    """

    def __init__(
        self,
        every_n_steps: int | None = None,
        on_divergence: str = "stop",
        max_restores: int = 3,
        lr_factor: float = 0.5,
    ) -> None:
        self.every_n_steps = None if every_n_steps is None else check_count("every_n_steps", every_n_steps)
        self.on_divergence = check_choice("on_divergence", on_divergence, ON_DIVERGENCE)
        self.max_restores = check_count("max_restores", max_restores)
        self.lr_factor = check_range("lr_factor", lr_factor, 1e-6, 1.0)
        self.diagnosis: Diagnosis | None = None
        self.num_restores = 0
        # Of each restore since the run was last well: images seen at it, and by the networks that it went back to.
        self.restored: list[tuple[int, int]] = []
        self.settings: Mapping[str, Any] | None = None
        self._state: dict[str, Any] | None = None
        self._probe: Probe | None = None
        self._is_on = False
        self._speed, self._labels = Speed(), dict[str, LabelLink]()
        self._scale: float | None = None  # of the loss, at the last look

    def on_train_start(self, trainer: pl.Trainer, task: AdversarialTask) -> None:  # type: ignore[override]
        self._is_on = isinstance(task, AdversarialTask)
        if not self._is_on:  # a task of another kind shows no critics to look at
            return
        samples = getattr(trainer.datamodule, "samples", None)  # type: ignore[attr-defined]
        batch_size = getattr(trainer.datamodule, "batch_size", 0) * trainer.world_size  # type: ignore[attr-defined]
        kind = getattr(trainer.datamodule, "kind", None) or task.sampler().kind  # type: ignore[attr-defined]
        num_samples = None if samples is None else len(samples)
        setup = setup_of(task, kind, num_samples, batch_size or None, self.settings)
        self.diagnosis = Diagnosis(setup, task.num_images)
        self._interval = self.every_n_steps or interval(trainer.log_every_n_steps, setup.num_steps)  # type: ignore[attr-defined]
        if self._state is not None:
            self.diagnosis.load_state_dict(self._state)
        task.guard.is_fatal = self.on_divergence == "stop"
        self._num_evaluations = 0 if self.evaluation is None else self.evaluation.num_evaluations
        self._start_stretch(task)

    def on_train_batch_start(self, trainer: pl.Trainer, task: AdversarialTask, *args: object) -> None:  # type: ignore[override]
        if (
            self._probe is None
            and self._is_on
            and trainer.is_global_zero
            and task.is_turn_every(self._interval)
        ):
            self._probe = Probe(task)

    def on_train_batch_end(self, trainer: pl.Trainer, task: AdversarialTask, *args: object) -> None:  # type: ignore[override]
        if not self._is_on:
            return
        if self._probe is not None and not task.is_mid_turn:
            self._observe(trainer, task, self._look(trainer, task))
            self._probe = None
        self._look_at_evaluation(trainer, task)
        if self.on_divergence != "stop" and self._has_diverged(trainer, task):
            self._treat(trainer, task)

    def on_train_end(self, trainer: pl.Trainer, task: AdversarialTask) -> None:  # type: ignore[override]
        if not self._is_on:
            return
        self._look_at_evaluation(trainer, task)
        if trainer.is_global_zero and self.diagnosis is not None:
            log.info("doctor: %s", self.diagnosis.verdict)

    def on_exception(self, trainer: pl.Trainer, task: AdversarialTask, exception: BaseException) -> None:  # type: ignore[override]
        if isinstance(exception, NonFiniteLossError):
            self._note_divergence(trainer, task)

    def _look(self, trainer: pl.Trainer, task: AdversarialTask) -> dict[str, float]:
        """Return all signals of the step that was watched."""
        assert self._probe is not None
        optimizers = zip(task.roles, trainer.optimizers, strict=True)
        groups = {role: optimizer.param_groups[0] for role, optimizer in optimizers}
        lr_factors = {role: float(g["lr"]) / (g.get("initial_lr") or 1.0) for role, g in groups.items()}
        found = derived(self._probe.signals(), lr_factors)
        found["bad_updates"] = float(task.guard.num_bad_steps)
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is not None:
            found |= {"loss_scale": scaler.get_scale(), "scaler_skips": self._num_skips(scaler.get_scale())}
        if (probability := getattr(task.augment, "p", None)) is not None:
            found["augment_probability"] = float(probability)
        for suffix in suffixes(found):
            if LABEL_MATCHES[0] + suffix in found:
                link = self._labels.setdefault(suffix, LabelLink())
                found[f"label_link{suffix}"] = link.add(*(found.pop(name + suffix) for name in LABEL_MATCHES))
        found["images_per_second"] = self._rate(task)
        found["speed_ratio"] = self._speed.ratio(found["images_per_second"])
        return found

    def _num_skips(self, scale: float) -> float:
        """Return how often the loss scale was halved since the last look, the first look's scale being the start."""
        before, self._scale = self._scale or scale, scale
        halvings = 0
        while before > scale > 0:
            before, halvings = before / 2, halvings + 1
        return float(halvings)

    def _rate(self, task: AdversarialTask) -> float:
        """Return the images a second since the last look, evaluations left out; begin the next stretch."""
        then, images, measuring = self._stretch
        now, images_now, measuring_now = self._start_stretch(task)
        return (images_now - images) / max(now - then - (measuring_now - measuring), 1e-9)

    def _start_stretch(self, task: AdversarialTask) -> tuple[float, int, float]:
        measuring = 0.0 if self.evaluation is None else self.evaluation.seconds_here
        self._stretch = (time.perf_counter(), task.images_seen, measuring)
        return self._stretch

    def _look_at_evaluation(self, trainer: pl.Trainer, task: AdversarialTask) -> None:
        evaluation = self.evaluation
        if (
            evaluation is None
            or evaluation.num_evaluations == self._num_evaluations
            or not trainer.is_global_zero
        ):
            return
        self._num_evaluations = evaluation.num_evaluations
        if evaluation.figures is not None:
            best = evaluation.best.get("value")
            found = of_evaluation(evaluation.figures, evaluation.value, best, evaluation.suite.mode)
            self._observe(trainer, task, found)

    def _observe(self, trainer: pl.Trainer, task: AdversarialTask, signals: dict[str, float]) -> None:
        """Log ``signals`` and say what begins with them."""
        assert self.diagnosis is not None
        if signals:
            task.log_scalars({f"doctor/{name}": value for name, value in signals.items()})
        for episode in self.diagnosis.observe(task.images_seen, signals):
            self._say(trainer, episode)

    def _say(self, trainer: pl.Trainer, episode: Episode) -> None:
        log.warning("doctor: %s", episode.message)
        level = "ERROR" if episode.severity == "error" else "WARN"
        title = BY_NAME[episode.rule].title
        tell(trainer.loggers, "log_alert", title, episode.message, level, episode.since)

    def _has_diverged(self, trainer: pl.Trainer, task: AdversarialTask) -> bool:
        """Say whether the patience is at its end, the same on all processes; asked where it costs no wait."""
        is_alone = trainer.world_size == 1
        if not (is_alone and task.device.type == "cpu") and task.num_steps % trainer.log_every_n_steps:  # type: ignore[attr-defined]
            return False
        is_over = task.guard.num_bad_steps >= task.guard.patience
        return is_over if is_alone else trainer.strategy.reduce_boolean_decision(is_over, all=False)

    def _treat(self, trainer: pl.Trainer, task: AdversarialTask) -> None:
        """Restore the last good checkpoint where that is wanted and possible."""
        self._note_divergence(trainer, task)
        if self.on_divergence == "continue":
            return
        folder = Path(trainer.default_root_dir) / "checkpoints"
        # The first process chooses: the others may have no run directory, or see an older state of it.
        choice = way_back(folder, self.restored) if trainer.is_global_zero else (None, [])
        path, self.restored = trainer.strategy.broadcast(choice)
        if self.num_restores >= self.max_restores or path is None:
            task.guard.stop(f"the loss, after {self.num_restores} restores,", task.guard.num_bad_steps)
        images = restore(trainer, task, path, self.lr_factor)
        self.num_restores += 1
        self.restored.append((task.images_seen, images))
        trainer.strategy.barrier("restored")
        if trainer.is_global_zero:
            take_as_last(path)
        log.warning(
            "doctor: restored the networks of %s images, learning rates times %g (restore %d of at most %d)",
            *(short(images), self.lr_factor, self.num_restores, self.max_restores),
        )
        if self.diagnosis is not None and (episode := self.diagnosis.open("not-finite")) is not None:
            episode.until = task.images_seen
            self.diagnosis.watches["not-finite"].recent.clear()

    def _note_divergence(self, trainer: pl.Trainer, task: AdversarialTask) -> None:
        """Open the episode of a loss that is not finite, unless it is open."""
        if self.diagnosis is None or not trainer.is_global_zero or self.diagnosis.open("not-finite"):
            return
        rule = BY_NAME["not-finite"]
        self._say(trainer, self.diagnosis.begin(rule, task.guard.num_bad_steps, task.images_seen))

    def summary(self) -> dict[str, Any]:
        """Return the entry ``doctor`` of summary.json."""
        if self.diagnosis is None:
            return {}
        episodes = self.diagnosis.state_dict()["episodes"]
        verdict = self.diagnosis.verdict
        told: dict[str, Any] = {"verdict": verdict, "episodes": episodes, "restores": self.num_restores}
        if self.restored:
            told["restored"] = [{"at": at, "back_to": images} for at, images in self.restored]
        return {"doctor": told}

    def state_dict(self) -> dict[str, Any]:
        diagnosis = {} if self.diagnosis is None else self.diagnosis.state_dict()
        labels = {suffix: vars(link).copy() for suffix, link in self._labels.items()}
        restores = {"num_restores": self.num_restores, "restored": self.restored}
        return {"diagnosis": diagnosis, **restores, "labels": labels, "scale": self._scale}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._state, self.num_restores = state_dict["diagnosis"] or None, state_dict["num_restores"]
        # Earlier states have no more than these two.
        self.restored = [(at, images) for at, images in state_dict.get("restored", [])]
        self._scale = state_dict.get("scale")
        for suffix, link in state_dict.get("labels", {}).items():
            self._labels[suffix] = LabelLink()
            vars(self._labels[suffix]).update(link)


def interval(num_steps: int, num_steps_in_all: int | None) -> int:
    """Return the batches between two looks: ``num_steps``, or less where that would be fewer than `MIN_LOOKS` looks."""
    return num_steps if num_steps_in_all is None else max(1, min(num_steps, num_steps_in_all // MIN_LOOKS))
