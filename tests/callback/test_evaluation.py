"""Evaluation: when, of what, and which one was the best."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ganworks.callback import Evaluation
from ganworks.data import GanDataModule, TensorSamples
from ganworks.metric import Measure, Result, SampleSet, Suite, evaluate, evaluate_seeds, terms_of
from ganworks.sample.sampler import Sampler

NAN = float("nan")


class Scripted(Suite):
    """Returns the next of the values that it was given, and keeps the fakes."""

    def __init__(self, values: list[float], mode: str = "min", **settings: Any) -> None:
        settings = {"num_samples": 6, "every_images": 100, "seed": 3, **settings}
        super().__init__({}, {"scripted": Distance(mode)}, **settings)
        self.script = list(values)
        self.fakes: list[SampleSet] = []

    def prepare(self, datamodule: Any) -> None:
        self.prepared = datamodule

    def compare(self, fake: SampleSet, seed: int | None = None) -> Result:
        self.fakes.append(fake)
        names = [f"{name}{self.suffix(fake.num)}" for name in ("distance", "other")]
        values = dict(zip(names, (self.script.pop(0), 1.0), strict=True))
        figure = {name: {"reads": []} for name in names}
        return Result(values, {"num_fake": fake.num, "seed": seed, "figure": figure})


@dataclass(frozen=True)
class Distance(Measure):
    mode: str

    needs = frozenset({"samples", "labels"})

    @property
    def better(self) -> dict[str, str]:
        return {"distance": self.mode, "other": "min"}

    def figures(self, *args: Any) -> dict[str, Any]:
        raise AssertionError("the suite is scripted")


def evaluated(values: list[float], make_task: Callable, make_trainer: Callable, mode: str = "min"):
    """Evaluate once every 100 images; return the callback, the task, and which evaluations were the best."""
    evaluation = Evaluation(Scripted(values, mode))
    task, trainer = make_task(), make_trainer(evaluation)
    evaluation.on_train_start(trainer, task)
    were_best = []
    for _ in values:
        task.see(100)
        evaluation.on_train_batch_end(trainer, task)
        were_best.append(evaluation.is_best)
    evaluation.on_train_end(trainer, task)
    return evaluation, task, trainer, were_best


@pytest.mark.parametrize(
    ("mode", "values", "were_best", "best"),
    [
        ("min", [3.0, 2.0, 2.5, 1.0], [True, True, False, True], (1.0, 400)),
        ("max", [0.3, 0.2, 0.5], [True, False, True], (0.5, 300)),
        ("min", [2.0, NAN, 3.0], [True, False, False], (2.0, 100)),
        ("min", [NAN, 5.0], [False, True], (5.0, 200)),
        ("max", [math.inf, 0.5], [False, True], (0.5, 200)),
        ("min", [-math.inf, 0.5], [False, True], (0.5, 200)),
        ("min", [2.0, 2.0], [True, False], (2.0, 100)),
    ],
)
def test_best_is_the_best_finite_value(
    make_task: Callable,
    make_trainer: Callable,
    mode: str,
    values: list[float],
    were_best: list[bool],
    best: Any,
) -> None:
    evaluation, _, _, found = evaluated(values, make_task, make_trainer, mode)
    assert found == were_best
    assert (evaluation.best["value"], evaluation.best["images_seen"]) == best
    assert evaluation.best["num_evaluations"] == len(values)


def test_run_of_nan_alone_has_no_best(make_task: Callable, make_trainer: Callable) -> None:
    evaluation, _, _, were_best = evaluated([NAN, NAN], make_task, make_trainer)
    assert were_best == [False, False]
    assert "value" not in evaluation.best


def test_figures_are_logged_under_their_names(make_task: Callable, make_trainer: Callable) -> None:
    _, task, trainer, _ = evaluated([3.0, 2.0], make_task, make_trainer)
    assert task.logged == [
        (100, {"metric/distance": 3.0, "metric/other": 1.0}),
        (200, {"metric/distance": 2.0, "metric/other": 1.0}),
    ]
    assert float(trainer.callback_metrics["metric/distance"]) == 2.0


def test_averaged_generator_is_measured_on_latents_that_stay(
    make_task: Callable, make_trainer: Callable
) -> None:
    evaluation, task, _, _ = evaluated([3.0, 2.0], make_task, make_trainer)
    first, second = (fake.samples for fake in evaluation.suite.fakes)
    assert torch.equal(first, second)
    assert torch.equal(first, Sampler(task.ema_generator, {}).sample(6, seed=3))
    assert not torch.equal(first, Sampler(task.generator, {}).sample(6, seed=3))


class Points(GanDataModule):
    """Points with labels."""

    def __init__(self, labels: torch.Tensor) -> None:
        super().__init__((2,), 4, batch_size=2)
        self.values = TensorSamples(torch.zeros(len(labels), 2), labels)

    def load(self) -> TensorSamples:
        return self.values


def test_labels_are_drawn_as_often_as_the_data_has_them(make_task: Callable) -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    data = Points(labels)
    sampler = Sampler(make_task(num_classes=4).ema_generator, {})
    suite = Scripted([1.0, 1.0])
    evaluate(suite, sampler, data)
    assert sorted(suite.fakes[0].labels.tolist()) == sorted(labels.tolist())
    evaluate(suite, sampler, SimpleNamespace())  # data without labels: uniform draws
    assert suite.fakes[1].labels.max() < 4


def test_conditional_generator_is_measured_on_data_without_labels(make_task: Callable) -> None:
    data = SimpleNamespace(samples=SimpleNamespace(labels=None))
    sampler = Sampler(make_task(num_classes=4).ema_generator, {})
    figures = evaluate(Scripted([1.0]), sampler, data)
    assert figures.values["distance"] == 1.0


def test_contract_names_the_average_and_the_truncation(make_task: Callable) -> None:
    sampler = Sampler(make_task().ema_generator, {})
    assert evaluate(Scripted([1.0]), sampler, None).contract["truncation"] == "none"
    contract = evaluate(Scripted([1.0]), sampler, None, truncation=0.7).contract
    assert (contract["truncation"], contract["ema"], contract["num_fake"]) == (0.7, True, 6)


def test_state_goes_on_after_a_resume(make_task: Callable, make_trainer: Callable) -> None:
    first, _, _, _ = evaluated([3.0, 2.0], make_task, make_trainer)
    second = Evaluation(Scripted([2.5, 1.5]))
    second.load_state_dict(first.state_dict())
    task, trainer = make_task(), make_trainer(second)
    task.images_seen = 200
    second.on_train_start(trainer, task)
    task.see(100)
    second.on_train_batch_end(trainer, task)
    assert not second.is_best  # 2.5 is worse than the 2.0 from before
    task.see(100)
    second.on_train_batch_end(trainer, task)
    assert second.is_best
    assert second.best == {"metric": "distance", "value": 1.5, "images_seen": 400, "num_evaluations": 4}


def test_evaluations_during_training_take_fewer_samples_under_their_own_name(
    make_task: Callable, make_trainer: Callable
) -> None:
    evaluation = Evaluation(Scripted([3.0, 2.0, 5.0], num_samples_training=4))
    task, trainer = make_task(), make_trainer(evaluation)
    evaluation.on_train_start(trainer, task)
    for _ in range(2):
        task.see(100)
        evaluation.on_train_batch_end(trainer, task)
    assert evaluation.figures.values == {"distance_4": 2.0, "other_4": 1.0}
    assert evaluation.best["metric"] == "distance_4"
    evaluation.on_train_end(trainer, task)
    assert [fake.num for fake in evaluation.suite.fakes] == [4, 4, 6]
    assert evaluation.figures.values == {"distance": 5.0, "other": 1.0, "distance_4": 2.0}
    assert evaluation.best["value"] == 2.0  # fewer samples have another figure: it is no rival
    contract = evaluation.figures.contract
    assert terms_of(contract, "distance")["num_fake"] == 6
    assert terms_of(contract, "distance_4")["num_fake"] == 4


def test_figures_over_seeds_are_means_with_deviations(make_task: Callable) -> None:
    suite = Scripted([1.0, 2.0, 6.0])
    figures = evaluate_seeds(suite, Sampler(make_task().ema_generator, {}), None, seeds=[0, 1, 2])
    assert figures.values == {"distance": 3.0, "other": 1.0}
    assert figures.deviation["distance"] == pytest.approx(math.sqrt(7))
    assert figures.deviation["other"] == 0
    assert figures.contract["seed"] == [0, 1, 2]
    first, second, _ = (fake.samples for fake in suite.fakes)
    assert not torch.equal(first, second)


def test_an_evaluation_before_the_first_step_is_no_part_of_the_training_s_time(
    make_task, make_trainer
) -> None:
    evaluation = Evaluation(Scripted([3.0, 2.0]), at_start=True)
    task, trainer = make_task(), make_trainer(evaluation)
    evaluation.on_train_start(trainer, task)
    assert evaluation.num_evaluations == 1
    assert evaluation.seconds > 0
    assert evaluation.seconds_here == evaluation.cpu_seconds_here == 0
    task.see(100)
    evaluation.on_train_batch_end(trainer, task)
    assert 0 < evaluation.seconds_here < evaluation.seconds
