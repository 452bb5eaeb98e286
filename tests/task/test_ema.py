"""The averaged generator against its definition."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

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


def test_running_statistics_are_averaged_as_the_weights_are_and_their_count_is_copied() -> None:
    ema = ExponentialMovingAverage(half_life=100.0, ramp_up=None)
    average, generator = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    mean, variance = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    for _ in range(5):
        generator(3 + 2 * torch.randn(8, 2))
        ema.update(average, generator, num_images=50, images_seen=10**9)
        mean = 0.5**0.5 * mean + (1 - 0.5**0.5) * generator.running_mean
        variance = 0.5**0.5 * variance + (1 - 0.5**0.5) * generator.running_var
    assert torch.allclose(average.running_mean.double(), mean, rtol=1e-6)
    assert torch.allclose(average.running_var.double(), variance, rtol=1e-6)
    assert not torch.allclose(average.running_mean, generator.running_mean, rtol=0.1)
    assert average.num_batches_tracked == 5


def test_an_average_beside_its_own_statistics_normalises_where_the_last_ones_do_not() -> None:
    torch.manual_seed(0)
    ema = ExponentialMovingAverage(half_life=2000.0, ramp_up=None)
    generator = nn.Sequential(nn.Linear(4, 64), nn.BatchNorm1d(64))
    average = copy.deepcopy(generator).eval()
    for _ in range(500):  # weights that wander about a mean, as those of a generator do
        with torch.no_grad():
            generator[0].weight.copy_(1 + torch.randn(64, 1).expand(64, 4))
            generator(1 + 0.1 * torch.randn(64, 4))
        ema.update(average, generator, num_images=64, images_seen=10**9)
    beside_the_last = copy.deepcopy(average)
    beside_the_last[1].load_state_dict(generator[1].state_dict())
    latents = 1 + 0.1 * torch.randn(1000, 4)
    off = [network(latents).mean(0).abs().mean() for network in (average, beside_the_last)]
    assert off[0] < 0.6 * off[1]


class Constants(nn.Module):
    """A network with buffers that training does not change."""

    def __init__(self, *constants: torch.Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        for number, constant in enumerate(constants):
            self.register_buffer(f"constant{number}", constant)


def test_constants_stay_equal_to_the_bit_and_infinities_infinite() -> None:
    torch.manual_seed(0)
    mask = torch.full((3, 3), -torch.inf).triu(1)
    kernel = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 3
    generator = Constants(mask, kernel, torch.randn(10_000), torch.randn(9).half(), torch.arange(3) > 1)
    average = copy.deepcopy(generator)
    ema = ExponentialMovingAverage(half_life=777.0, ramp_up=None)
    for num_images in (1, 64, 300, 10_000):
        ema.update(average, generator, num_images, images_seen=10**9)
    for new, old in zip(average.buffers(), generator.buffers(), strict=True):
        assert torch.equal(new, old)


def test_a_statistic_of_another_layer_than_a_norm_is_averaged() -> None:
    generator, average = Constants(torch.ones(2)), Constants(torch.zeros(2))
    ExponentialMovingAverage(100.0, ramp_up=None).update(average, generator, 100, images_seen=10**9)
    assert average.constant0.tolist() == [0.5, 0.5]


def test_without_floating_buffers_the_weights_move_as_before_to_the_bit() -> None:
    generator = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    average = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    ema, naive = ExponentialMovingAverage(1000.0, ramp_up=None), copy.deepcopy(average)
    ema.update(average, generator, 64, images_seen=10**9)
    with torch.no_grad():
        for old, new in zip(naive.parameters(), generator.parameters(), strict=True):
            old.lerp_(new, 1 - ema.decay(64, 10**9))
    assert all(map(torch.equal, average.parameters(), naive.parameters()))


@pytest.mark.parametrize("divide", [parametrizations.spectral_norm, nn.utils.spectral_norm])
def test_singular_vectors_of_spectral_norm_stay_of_length_one(divide: Callable[..., nn.Module]) -> None:
    torch.manual_seed(0)
    generator = nn.Sequential(divide(nn.Linear(6, 6)), nn.BatchNorm1d(6))
    average, ema = copy.deepcopy(generator).eval(), ExponentialMovingAverage(200.0, ramp_up=None)
    optimizer = torch.optim.SGD(generator.parameters(), lr=1.0)
    for _ in range(20):  # far steps: the singular vectors turn
        (generator(torch.randn(8, 6)) * torch.randn(8, 6)).sum().backward()
        optimizer.step()
        ema.update(average, generator, 100, images_seen=10**9)
    vectors = {name: value for name, value in average.named_buffers() if name[-2:] in ("_u", "_v")}
    assert len(vectors) == 2
    for name, vector in vectors.items():
        assert torch.equal(vector, generator.get_buffer(name))
        assert vector.norm().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("setting", "value"), [("half_life", -1.0), ("ramp_up", -0.1)])
def test_a_negative_setting_is_named(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting}={value}"):
        ExponentialMovingAverage(**{"half_life": 1.0, setting: value})
