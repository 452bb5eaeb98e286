import itertools
import math

import pytest
import torch
from scipy.stats import wasserstein_distance

from ganworks.metric.distance.transport import sliced_wasserstein, wasserstein


@pytest.mark.parametrize(("num_x", "num_y"), [(50, 50), (50, 35), (1, 7), (64, 32)])
def test_first_order_equals_scipys_for_any_two_sizes(num_x, num_y, rng):
    x, y = torch.randn(num_x, 3, generator=rng), 0.5 + 2 * torch.randn(num_y, 3, generator=rng)
    expected = [wasserstein_distance(x[:, k].double(), y[:, k].double()) for k in range(3)]
    assert wasserstein(x, y).tolist() == pytest.approx(expected, rel=1e-10)


def test_second_order_equals_the_best_pairing_of_equally_many(rng):
    x, y = torch.randn(6, 1, generator=rng).double(), torch.randn(6, 1, generator=rng).double()
    costs = [(x - y[list(order)]).square().mean().item() for order in itertools.permutations(range(6))]
    assert wasserstein(x, y, order=2).item() == pytest.approx(min(costs) ** 0.5, rel=1e-12)
    copies = wasserstein(x.repeat(5, 1), y.repeat(2, 1), order=2)  # the distributions are the same
    assert copies.item() == pytest.approx(min(costs) ** 0.5, rel=1e-12)


def test_gaussians_of_one_dimension_have_their_closed_forms(rng):
    """W1 of N(0, 1) and N(0, 4): sqrt(2 / pi); W2 of N(0, 1) and N(m, s^2): sqrt(m^2 + (s - 1)^2)."""
    x, y = torch.randn(200_000, 1, generator=rng), 2 * torch.randn(200_000, 1, generator=rng)
    assert wasserstein(x, y).item() == pytest.approx(math.sqrt(2 / math.pi), rel=0.02)
    assert wasserstein(x, y + 3, order=2).item() == pytest.approx(math.sqrt(10), rel=0.01)
    assert wasserstein(x, torch.randn(200_000, 1, generator=rng)).item() < 0.02  # control


def test_sliced_distance_of_shifted_and_of_wider_gaussians_has_its_closed_form(rng):
    """A shift by m: |m| / sqrt(D); N(0, I) and N(0, s^2 I): s - 1."""
    x, y = (torch.randn(8000, 4, generator=rng) for _ in range(2))
    shift = torch.tensor([3.0, 0.0, 4.0, 0.0])
    shifted = sliced_wasserstein(x[:100], x[:100] + shift, num_directions=2000)
    assert shifted == pytest.approx(2.5, rel=0.05)
    assert sliced_wasserstein(x, 3 * y) == pytest.approx(2.0, rel=0.03)
    assert sliced_wasserstein(x, y) < 0.1  # control
    assert sliced_wasserstein(x, y, seed=1) != sliced_wasserstein(x, y)


def test_in_one_dimension_the_sliced_distance_is_the_distance(rng):
    x, y = torch.randn(40, 1, generator=rng), torch.randn(30, 1, generator=rng) + 1
    for order in (1, 2):
        assert sliced_wasserstein(x, y, order) == pytest.approx(wasserstein(x, y, order).item(), rel=1e-10)


def test_sliced_distance_ranks_lost_modes_and_a_wrong_width(rng):
    angles = 2 * math.pi * torch.arange(8) / 8
    ring = torch.stack([angles.cos(), angles.sin()], 1)

    def draw(modes: int, sigma: float = 0.02) -> torch.Tensor:
        return ring[torch.arange(2400) % modes] + sigma * torch.randn(2400, 2, generator=rng)

    real = draw(8)
    figures = [sliced_wasserstein(real, fake) for fake in (draw(8), draw(8, 0.15), draw(6), draw(1))]
    assert figures == sorted(figures)
    assert figures[1] > 5 * figures[0]
