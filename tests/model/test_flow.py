"""Flows: what a velocity is trained on, and where Euler's method along it leads."""

import pytest
import torch

from ganworks.errors import SettingError
from ganworks.model import FlowGenerator, VelocityMLP
from ganworks.model.flow import draw_times, noised, velocity_loss
from ganworks.noise import keyed_rng

SHAPE = (1, 3, 2)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=keyed_rng(seed), dtype=torch.float64)


class Linear(torch.nn.Module):
    """v(x, t) = a x."""

    def __init__(self, a):
        super().__init__()
        self.a = a

    def forward(self, x, t):
        return self.a * x


def lively(**settings):
    """A network of velocities whose last layer isn't zero."""
    torch.manual_seed(0)
    network = VelocityMLP(SHAPE, width=8, depth=2, **settings).double()
    torch.nn.init.normal_(network.head.weight)
    return network


def test_velocity_loss_is_that_of_a_naive_loop():
    network, x, z = lively(), randn(5, *SHAPE), randn(5, *SHAPE, seed=1)
    t = torch.linspace(0, 1, 5, dtype=torch.float64)
    total = 0.0
    for i in range(5):
        at = (1 - t[i]) * x[i] + t[i] * z[i]
        error = network(at[None], t[i : i + 1])[0] - (z[i] - x[i])
        total += float((error**2).sum().detach())
    assert velocity_loss(network, x, t, z).item() == pytest.approx(total / (5 * 6), rel=1e-12)


def test_velocity_of_single_points_is_learned_exactly_and_leads_back_to_them():
    # To one point c the velocity is (x - c) / t, whose loss is 0, and every number of steps ends in c.
    point = torch.full(SHAPE, 0.5, dtype=torch.float64)

    class ToPoint(torch.nn.Module):
        def forward(self, x, t):
            return (x - point) / t.view(-1, 1, 1, 1)

    t = 0.1 + 0.9 * torch.rand(4, generator=keyed_rng(2), dtype=torch.float64)
    assert velocity_loss(ToPoint(), point.expand(4, *SHAPE), t, randn(4, *SHAPE)) < 1e-20
    for num_steps in (1, 7):
        assert torch.allclose(
            FlowGenerator(SHAPE, ToPoint(), num_steps)(randn(4, 6)), point.expand(4, *SHAPE)
        )


@pytest.mark.parametrize("num_steps", [1, 4])
def test_euler_steps_along_a_linear_field_are_its_powers(num_steps):
    z = randn(4, 6)
    made = FlowGenerator(SHAPE, Linear(0.7), num_steps)(z)
    assert torch.allclose(made.flatten(1), z * (1 - 0.7 / num_steps) ** num_steps, atol=1e-14)


def test_many_euler_steps_come_near_the_exact_solution_of_a_linear_field():
    z, exact = randn(4, 6), torch.tensor(-0.7, dtype=torch.float64).exp()
    errors = [
        (FlowGenerator(SHAPE, Linear(0.7), num)(z).flatten(1) - z * exact).abs().max() for num in (10, 20, 40)
    ]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)  # of first order
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.1)


def test_times_go_down_from_one():
    seen = []

    class Watching(torch.nn.Module):
        def forward(self, x, t):
            seen.append(t.tolist())
            return torch.zeros_like(x)

    FlowGenerator(SHAPE, Watching(), 4)(randn(2, 6))
    assert seen == [[1.0, 1.0], [0.75, 0.75], [0.5, 0.5], [0.25, 0.25]]


def test_one_step_generator_begins_as_the_noise_less_the_velocity_at_one():
    network, z = lively(), randn(3, 6)
    expected = z.view(3, *SHAPE) - network(z.view(3, *SHAPE), torch.ones(3, dtype=torch.float64))
    assert torch.equal(FlowGenerator(SHAPE, network, 1)(z), expected)


def test_untrained_velocity_is_zero_and_depends_on_time_once_trained():
    x, network = randn(3, *SHAPE), VelocityMLP(SHAPE, width=8, depth=1).double()
    assert torch.equal(network(x, torch.ones(3)), torch.zeros_like(x))
    network = lively()
    assert not torch.allclose(network(x, torch.zeros(3)), network(x, torch.ones(3)))


def test_samples_are_bare_at_time_zero_and_noise_at_time_one():
    x, z = randn(2, *SHAPE), randn(2, *SHAPE, seed=1)
    assert torch.equal(noised(x, torch.zeros(2), z), x)
    assert torch.equal(noised(x, torch.ones(2), z), z)


def test_times_are_uniform_between_their_bounds():
    t = draw_times(4000, 0.2, 0.6, keyed_rng(0))
    assert 0.2 <= t.min() < 0.21
    assert 0.59 < t.max() < 0.6
    assert t.mean().item() == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize("settings", [{"width": 0}, {"depth": 0}, {"num_frequencies": 0}])
def test_sizes_of_a_velocity_network_are_counts(settings):
    with pytest.raises(SettingError, match=next(iter(settings))):
        VelocityMLP(SHAPE, **settings)


def test_number_of_steps_is_a_count():
    with pytest.raises(SettingError, match="num_steps=0"):
        FlowGenerator(SHAPE, Linear(1.0), 0)
