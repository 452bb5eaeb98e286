"""The averaged generator against its definition."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganworks.task import ExponentialMovingAverage


def test_a_weights_share_halves_after_the_half_life() -> None:
    ema = ExponentialMovingAverage(half_life=1000.0, ramp_up=None)
    average, generator = nn.Linear(2, 2), nn.Linear(2, 2)
    nn.init.zeros_(average.weight)
    nn.init.ones_(generator.weight)
    for _ in range(10):
        ema.update(average, generator, num_images=100, images_seen=10**9)
    assert torch.allclose(average.weight, torch.full((2, 2), 0.5))


def test_batch_size_changes_nothing_in_image_time() -> None:
    ema = ExponentialMovingAverage(half_life=1000.0, ramp_up=None)
    assert ema.decay(64, 10**9) ** 4 == pytest.approx(ema.decay(256, 10**9))


def test_ramp_up_bounds_the_half_life_by_a_share_of_the_images_seen() -> None:
    ema = ExponentialMovingAverage(half_life=1000.0, ramp_up=0.05)
    assert ema.decay(50, images_seen=1000) == pytest.approx(0.5)
    assert ema.decay(1000, images_seen=10**9) == pytest.approx(0.5)


def test_the_first_update_and_a_half_life_of_zero_copy_the_weights() -> None:
    for ema, seen in ((ExponentialMovingAverage(1000.0), 0), (ExponentialMovingAverage(0.0), 500)):
        average, generator = nn.Linear(2, 2), nn.Linear(2, 2)
        ema.update(average, generator, num_images=64, images_seen=seen)
        assert torch.equal(average.weight, generator.weight)


def test_buffers_are_copied() -> None:
    average, generator = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    generator(torch.randn(8, 2))
    ExponentialMovingAverage(1e9, ramp_up=None).update(average, generator, num_images=1, images_seen=1)
    assert torch.equal(average.running_mean, generator.running_mean)
    assert average.num_batches_tracked == 1


@pytest.mark.parametrize(("setting", "value"), [("half_life", -1.0), ("ramp_up", -0.1)])
def test_a_negative_setting_is_named(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting}={value}"):
        ExponentialMovingAverage(**{"half_life": 1.0, setting: value})
