import math

import pytest
import torch

from ganworks.metric.distance import pairwise
from ganworks.metric.distance.clip_distance import clip_distance, gaussian_mmd


def naive(real: torch.Tensor, fake: torch.Tensor, sigma: float, scale: float) -> float:
    """The V-statistic, pair by pair, of embeddings of length one."""
    real, fake = ([x.double() / x.double().norm() for x in side] for side in (real, fake))

    def mean_kernel(first: list, second: list) -> float:
        values = [math.exp(-float((x - y).square().sum()) / (2 * sigma**2)) for x in first for y in second]
        return sum(values) / len(values)

    return scale * (mean_kernel(real, real) + mean_kernel(fake, fake) - 2 * mean_kernel(real, fake))


@pytest.mark.parametrize("sigma", [10.0, 0.5])
def test_distance_equals_the_naive_double_sum_whatever_the_block(sigma, rng, monkeypatch):
    real, fake = torch.randn(23, 6, generator=rng), torch.randn(17, 6, generator=rng) + 0.5
    expected = pytest.approx(naive(real, fake, sigma, 1000.0), rel=1e-8)
    assert clip_distance(real, fake, sigma) == expected
    monkeypatch.setattr(pairwise, "BLOCK_ELEMENTS", 40)
    assert clip_distance(real, fake, sigma) == expected


def test_gaussian_mmd_of_two_gaussians_has_its_closed_form():
    """E k(x, y) for N(0, 1) and N(m, 1): (1 + 2 / s^2)^-1/2 exp(-m^2 / 2 (s^2 + 2)); at evenly spaced quantiles."""
    x = torch.special.ndtri((torch.arange(2000, dtype=torch.float64) + 0.5) / 2000)[:, None]
    y = x + 1.5
    sigma = 2.0
    expected = 2 * (1 + 2 / sigma**2) ** -0.5 * (1 - math.exp(-(1.5**2) / (2 * (sigma**2 + 2))))
    assert gaussian_mmd(x, y, sigma) == pytest.approx(expected, rel=1e-3)


def test_distance_does_not_depend_on_the_length_of_embeddings_and_grows_with_their_angle(rng):
    centre = torch.randn(1, 32, generator=rng)
    other = torch.randn(1, 32, generator=rng)
    real = centre + 0.3 * torch.randn(300, 32, generator=rng)
    rungs = [
        centre + share * (other - centre) + 0.3 * torch.randn(300, 32, generator=rng) for share in (0, 0.3, 1)
    ]
    figures = [clip_distance(real, fake) for fake in rungs]
    assert figures[0] < 0.1 < figures[1] < figures[2]
    assert clip_distance(5 * real, 0.1 * rungs[1]) == pytest.approx(figures[1], rel=1e-6)
    assert clip_distance(real, real) == 0.0
    shuffled = rungs[1][:, torch.randperm(32, generator=rng)]  # control: coordinates that mean something else
    assert clip_distance(real, shuffled) > figures[1]
