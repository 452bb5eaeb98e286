"""A game of series against a hand-written loop; the experiment trains, shows its curves, resumes and is refused."""

from __future__ import annotations

import copy
import csv
import json
import runpy
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from conftest import Result, call
from games import fit, largest_difference
from ganworks import load_generator
from ganworks.data import Sines
from ganworks.loss import RelativisticPairing
from ganworks.model import SeriesGenerator, TextCritic
from ganworks.noise import keyed_rng
from ganworks.optimizer import Cosine
from ganworks.regularizer import R1, R2
from ganworks.task import AdversarialTask, ExponentialMovingAverage
from running import checkpoint, differences

LOOPS = Path(__file__).parents[2] / "benchmarks" / "loops"
SeriesLoop = runpy.run_path(str(LOOPS / "series.py"))["SeriesLoop"]
SHAPE, BATCH, NUM_STEPS = (6, 2), 16, 10
TINY = (
    "experiment=sines", "trainer=cpu", "num_images=800", "data.batch_size=16", "data.num_samples=64",
    "data.num_reference=64", "metric.num_samples=64", "metric.measure.discriminative.num_updates=5",
    "metric.measure.predictive.num_updates=5", "callback.sample_grid.num=6", "callback.checkpoint.every_images=160",
    "model.width=8", "model.discriminator.width=8", "~callback.report",
)  # fmt: skip


class DoubleSines(Sines):
    """The sines in float64, so that two orders of summation agree to 1e-12."""

    def on_after_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        return {**batch, "real": batch["real"].double()}


def sines() -> DoubleSines:
    return DoubleSines(*SHAPE, num_samples=200, num_reference=10, batch_size=BATCH)


def batches() -> Iterator[dict[str, Tensor]]:
    data = sines()
    for batch in data.train_dataloader():
        yield data.on_after_batch_transfer(batch, 0)


def make_task() -> AdversarialTask:
    torch.manual_seed(0)
    return AdversarialTask(
        generator=DoubleSeries(SHAPE, latent_dim=3, width=8, step_noise=2, bound="tanh"),
        discriminator=TextCritic(SHAPE, width=8, num_blocks=1, dense_width=8),
        loss=RelativisticPairing(),
        regularizers={"r1": R1(weight=0.2, every=4), "r2": R2(weight=0.2, every=4)},
        optimizers=dict.fromkeys(
            AdversarialTask.roles, partial(torch.optim.Adam, lr=1e-3, betas=(0.0, 0.99))
        ),
        schedule=Cosine(),
        ema=ExponentialMovingAverage(half_life=50.0, ramp_up=0.1),
        num_images=NUM_STEPS * BATCH,
    ).double()


class DoubleSeries(SeriesGenerator):
    """Its noise in float64."""

    def draw_noise(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        return {name: noise.double() for name, noise in super().draw_noise(*args, **kwargs).items()}


def loop_of(task: AdversarialTask, **change: Any) -> Any:
    numbers = iter(range(NUM_STEPS))

    def noise() -> dict[str, Tensor]:
        step = next(numbers)
        return task.draw_noise(BATCH, lambda name: keyed_rng(0, 0, name, step, 0))

    loop = SeriesLoop(
        task, batches(), half_life=50.0, num_images=NUM_STEPS * BATCH, **{"noise": noise, **change}
    )
    for _ in range(NUM_STEPS):
        loop.step()
    return loop


def test_training_equals_a_hand_written_loop() -> None:
    task = make_task()
    loop, start = loop_of(task), copy.deepcopy(task.generator)
    fit(task, data=sines())  # type: ignore[arg-type]
    assert largest_difference(task.generator, loop.generator) < 1e-12
    assert largest_difference(task.discriminator, loop.critic) < 1e-12
    assert largest_difference(task.ema_generator, loop.average) < 1e-12
    assert largest_difference(task.generator, start) > 1e-4  # a generator that never moves would pass too


@pytest.mark.parametrize("change", [{"gamma": 0.3}, {"every": 2}, {"betas": (0.5, 0.99)}])
def test_a_loop_with_another_term_is_noticed(change: dict[str, Any]) -> None:
    task = make_task()
    loop = loop_of(task, **change)
    assert largest_difference(fit(task, data=sines()).generator, loop.generator) > 1e-6  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the experiment, fifty steps."""
    run_dir = tmp_path_factory.mktemp("series") / "run"
    assert call("train", *TINY, f"hydra.run.dir={run_dir}") == 0
    return run_dir


def test_experiment_trains_fifty_steps_shows_curves_and_stands_beside_its_baselines(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "finished"
    assert set(summary["metrics"]) == {"discriminative", "predictive", "autocorrelation", "marginal"}
    assert set(summary["baselines"]) == {"shuffled in time", "white noise"}
    assert summary["floor"]["marginal"] < summary["baselines"]["white noise"]["marginal"]
    picture = Image.open(sorted((run / "samples").glob("*.png"))[-1])
    assert len(picture.getcolors(10**6) or []) > 50  # curves in several colours, not an empty page


def test_resumed_run_equals_the_uninterrupted_one(run: Path, tmp_path: Path) -> None:
    assert call("train", *TINY, f"hydra.run.dir={tmp_path / 'run'}", "trainer.max_steps=20") == 0
    assert call("train", f"resume={tmp_path / 'run'}", "trainer.max_steps=-1") == 0
    whole, resumed = checkpoint(run), checkpoint(tmp_path / "run")
    assert differences(whole["state_dict"], resumed["state_dict"]) == []
    assert differences(whole["optimizer_states"], resumed["optimizer_states"]) == []


def test_samples_are_written_as_csv_in_the_units_of_the_data(
    run: Path, ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    out = tmp_path / "samples.csv"
    assert ganworks("sample", f"run={run}", "num=3", f"out={out}").code == 0
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == 3 * 24
    assert set(rows[0]) == {"series", "step", *(f"sine_{i}" for i in range(5))}
    sampler = load_generator(run)
    expected = (sampler.sample(3, seed=0)[2, 5, 1].item() + 1) / 2  # TimeGAN's sines are in [0, 1]
    assert float(rows[2 * 24 + 5]["sine_1"]) == pytest.approx(expected, abs=1e-5)


def test_single_samples_are_files_of_their_own_and_arrays_are_what_networks_see(
    run: Path, ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    assert ganworks("sample", f"run={run}", "num=2", f"out={tmp_path / 'out'}").code == 0
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == ["000000.csv", "000001.csv"]
    assert ganworks("sample", f"run={run}", "num=2", f"out={tmp_path / 'x.npy'}").code == 0


def test_it_is_evaluated_and_images_metrics_are_refused(run: Path, ganworks: Callable[..., Result]) -> None:
    result = ganworks("evaluate", f"run={run}")
    assert result.code == 0, result.err
    assert "white noise" in result.out
    result = ganworks("evaluate", f"run={run}", "metric=digits")
    assert result.code == 1
    assert "Traceback" not in result.err


def test_two_devices_train_together(tmp_path: Path) -> None:
    assert call("train", *TINY, "trainer.devices=2", f"hydra.run.dir={tmp_path / 'run'}") == 0
