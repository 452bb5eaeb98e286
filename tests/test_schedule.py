"""Values over a number of images, and R3GAN's table of them, held against its formula."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from ganworks.errors import SettingError
from ganworks.optimizer import Schedule
from ganworks.optimizer.schedule import Cosine as CosineRate
from ganworks.regularizer import R1, CosineWeight
from ganworks.schedule import Constant, Cosine, Linear, ValueSchedule, check_value, progress_of, value_at
from ganworks.task import ExponentialMovingAverage

MILLION = 10**6


def half_cosine(start: float, end: float, images: float, length: float) -> float:
    """R3GAN's decay, written in its own terms: start to end over ``length`` images, then constant."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(images, length) / length))


@pytest.mark.parametrize("images", [0, 5 * MILLION, 10 * MILLION, 20 * MILLION, 200 * MILLION])
def test_a_schedule_ends_after_its_own_images_and_stays(images: int) -> None:
    cosine = Cosine(0.05, 0.005, num_images=20 * MILLION)
    assert value_at(cosine, images) == pytest.approx(half_cosine(0.05, 0.005, images, 20e6))
    share = min(1.0, images / 20e6)
    assert value_at(Linear(2.0, 1.0, num_images=20 * MILLION), images) == pytest.approx(2 - share)


def test_a_schedule_without_images_spans_the_run_and_needs_its_length() -> None:
    assert value_at(Linear(0.0, 1.0), 250, num_images=1000) == 0.25
    assert progress_of(lambda progress: progress, 250, 1000) == 0.25
    with pytest.raises(SettingError, match=r"num_images=null: must be a count of images here"):
        value_at(Linear(0.0, 1.0), 250)


def test_numbers_and_functions_of_the_progress_are_values_too() -> None:
    assert value_at(0.3, 10) == 0.3
    assert value_at(Constant(0.3), 10, 100) == 0.3
    assert value_at(lambda progress: 1 - progress, 10, 100) == 0.9


R3GAN = """
schedule: {_target_: ganworks.optimizer.Cosine, lr_end: 0.25, beta2_end: 0.99, num_images: 20_000_000}
regularizer:
  _target_: ganworks.regularizer.R1
  weight: {_target_: ganworks.schedule.Cosine, start: 0.05, end: 0.005, num_images: 20_000_000}
ema:
  _target_: ganworks.task.ExponentialMovingAverage
  half_life: {_target_: ganworks.schedule.Cosine, start: 0, end: 5_000_000, num_images: 20_000_000}
  ramp_up: null
  buffers: copy
probability: {_target_: ganworks.schedule.Cosine, start: 0, end: 0.55, num_images: 20_000_000}
"""


@pytest.mark.parametrize("images", [0, 3 * MILLION, 20 * MILLION, 250 * MILLION])
def test_the_table_of_r3gan_is_written_in_configurations_alone(images: int) -> None:
    parts = instantiate(OmegaConf.create(R3GAN), _convert_="all")
    optimizer = torch.optim.Adam(nn.Linear(2, 1).parameters(), lr=2e-4, betas=(0.0, 0.9))
    schedule: Schedule = parts["schedule"]
    schedule.apply(optimizer, progress_of(schedule, images, 10**10))
    group = optimizer.param_groups[0]
    assert group["lr"] == pytest.approx(half_cosine(2e-4, 5e-5, images, 20e6))
    assert group["betas"] == pytest.approx((0.0, half_cosine(0.9, 0.99, images, 20e6)))
    r1 = parts["regularizer"]
    gamma = r1.factor(progress_of(r1.weight, images, 10**10))
    assert gamma == pytest.approx(half_cosine(0.05, 0.005, images, 20e6))
    half_life = half_cosine(0, 5e6, images, 20e6)
    decay = 0.5 ** (512 / half_life) if images else 0.0
    assert parts["ema"].decay(512, images, 10**10) == pytest.approx(decay)
    assert value_at(parts["probability"], images) == pytest.approx(half_cosine(0, 0.55, images, 20e6))


def test_the_weight_of_before_is_one_of_the_schedules() -> None:
    weight = CosineWeight(start=2.0, end=0.2, num_images=100)
    assert isinstance(weight, ValueSchedule)
    assert value_at(weight, 50, 10**6) == pytest.approx(1.1)


class Own(ValueSchedule):
    def __call__(self, progress: float) -> float:
        return -progress

    def bounds(self) -> tuple[float, float]:
        return -1.0, 0.0


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: Cosine(0.0, math.inf), "end"),
        (lambda: Linear(math.nan, 0.0), "start"),
        (lambda: Linear(0.0, 1.0, num_images=0), "num_images"),
        (lambda: CosineRate(0.25, num_images=-1), "num_images"),
        (lambda: check_value("probability", Linear(0.0, 1.5), 0, 1), "probability.end"),
        (lambda: check_value("probability", 1.5, 0, 1), "probability"),
        (lambda: check_value("probability", Own(), 0, 1), "probability"),
        (lambda: R1(Linear(-1.0, 1.0)), "weight.start"),
        (lambda: ExponentialMovingAverage(Linear(0.0, -1.0)), "half_life.end"),
        (lambda: ExponentialMovingAverage(1.0, buffers="mean"), "buffers"),
    ],
)
def test_a_value_that_cannot_be_is_named(make: object, setting: str) -> None:
    with pytest.raises(SettingError) as caught:
        make()  # type: ignore[operator]
    assert caught.value.setting == setting


def test_copied_buffers_are_the_generators_while_its_weights_are_averaged() -> None:
    generator, average = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    generator(3 + torch.randn(8, 2))
    nn.init.zeros_(average.weight)
    ema = ExponentialMovingAverage(100.0, ramp_up=None, buffers="copy")
    ema.update(average, generator, num_images=100, images_seen=10**9)
    assert average.weight.tolist() == [0.5, 0.5]
    assert torch.equal(average.running_mean, generator.running_mean)
    assert average.num_batches_tracked == 1


def test_no_schedule_of_the_package_lacks_a_place_in_the_list_of_trusted_ones() -> None:
    from ganworks.trust import PLACES, check_targets

    node = {"_target_": "ganworks.schedule.Cosine", "start": 0.0, "end": 1.0}
    for place in ("regularizer", "augment", "task", "optimizer"):
        assert place in PLACES
        check_targets({place: {"value": node}}, Path("config.yaml"), frozenset())
