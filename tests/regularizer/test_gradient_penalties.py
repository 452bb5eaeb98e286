"""Gradient penalties against closed forms on linear and quadratic critics, and finite differences."""

import copy
import math

import pytest
import torch
from torch import nn

from ganworks.errors import SettingError
from ganworks.noise import keyed_rng
from ganworks.regularizer import (
    R1,
    R2,
    CosineWeight,
    Dragan,
    GradientPenalty,
    LipschitzPenalty,
    MaxGradient,
    Regularizer,
    WassersteinDivergence,
)
from ganworks.regularizer import squared_gradient_norm as squared_norm

COSTS = {  # of a slope, with the weight
    GradientPenalty(10.0): lambda norm: 10 * (norm - 1) ** 2,
    Dragan(10.0): lambda norm: 10 * (norm - 1) ** 2,
    R1(2.0): lambda norm: norm**2,
    R2(2.0): lambda norm: norm**2,
    LipschitzPenalty(10.0): lambda norm: 10 * max(0, norm - 1) ** 2,
    WassersteinDivergence(2.0): lambda norm: 2 * norm**6,
    WassersteinDivergence(2.0, power=1.5): lambda norm: 2 * norm**1.5,
    MaxGradient(3.0): lambda norm: 3 * norm**2,
}
PENALTIES = list(COSTS)
every_penalty = pytest.mark.parametrize("regularizer", PENALTIES, ids=lambda each: type(each).__name__)


def batch(seed, shape=(6, 3), dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def linear_critic(weight):
    return lambda x: x @ weight


def quadratic_critic(curvature):
    """D(x) = c |x|^2 / 2, whose gradient is c x."""
    return lambda x: 0.5 * curvature * x.square().sum(1)


@every_penalty
def test_penalty_of_a_linear_critic_is_its_closed_form(regularizer):
    weight = batch(0, (3,))
    for norm in (0.4, 1.7):
        slope = norm * weight / weight.norm()
        found = weighted(regularizer, linear_critic(slope), batch(1), batch(2), keyed_rng(0))
        assert found.item() == pytest.approx(COSTS[regularizer](norm), rel=1e-9)
        assert found.shape == ()


def test_r1_looks_at_real_and_r2_at_fake_samples():
    real, fake, critic = batch(1), 3 * batch(2), quadratic_critic(0.7)
    at_real = (0.7 * real).square().sum(1).mean().item()
    at_fake = (0.7 * fake).square().sum(1).mean().item()
    assert weighted(R1(2.0), critic, real, fake, keyed_rng(0)).item() == pytest.approx(at_real)
    assert weighted(R2(2.0), critic, real, fake, keyed_rng(0)).item() == pytest.approx(at_fake)
    assert at_real != pytest.approx(at_fake, rel=0.1)


@pytest.mark.parametrize("kind", [GradientPenalty, LipschitzPenalty, WassersteinDivergence, MaxGradient])
def test_penalties_of_slopes_look_between_real_and_fake_samples_and_cover_the_line(kind):
    real, fake = torch.ones(4000, 2), -torch.ones(4000, 2)
    points = kind(10.0).points(real, fake, keyed_rng(0))
    assert torch.equal(points[:, 0], points[:, 1])  # one share for the whole sample
    assert points.min() > -1
    assert points.max() < 1
    assert points[:, 0].mean().item() == pytest.approx(0, abs=0.03)
    assert points[:, 0].var().item() == pytest.approx(1 / 3, abs=0.02)


def test_largest_gradient_is_that_of_the_steepest_point_alone():
    critic, real, fake = quadratic_critic(0.7), batch(1), batch(2)
    points = MaxGradient(1.0).points(real, fake, keyed_rng(0))
    steepest = max((0.7 * point).square().sum().item() for point in points)
    found = weighted(MaxGradient(1.0), critic, real, fake, keyed_rng(0)).item()
    assert found == pytest.approx(steepest)
    assert found > 1.5 * squared_norm(critic, points).mean().item()  # the mean is another thing


def test_one_sided_penalty_is_the_two_sided_one_of_steep_critics_and_nothing_of_flat_ones():
    real, fake = batch(1), batch(2)
    for curvature, is_alike in ((20.0, True), (0.01, False)):
        one, two = (
            weighted(kind(10.0), quadratic_critic(curvature), real, fake, keyed_rng(0))
            for kind in (LipschitzPenalty, GradientPenalty)
        )
        assert torch.isclose(one, two) == is_alike
    assert one == 0


def test_dragan_looks_between_real_samples_and_neighbours_within_half_a_standard_deviation():
    real = batch(3, (4000, 2), torch.float32) * 5
    offset = (Dragan(10.0).points(real, None, keyed_rng(0)) - real) / real.std()
    assert offset.min() >= -1e-5
    assert offset.max() <= 0.5 + 1e-5
    assert offset.mean().item() == pytest.approx(0.125, abs=0.005)  # 1/2 E alpha E u
    assert torch.equal(Dragan(10.0, noise=0.0).points(real, None, keyed_rng(0)), real)


def test_dragan_equals_a_naive_loop_over_samples():
    real, curvature, noise = batch(3, (7, 2, 3)), 0.7, 0.3
    rng = keyed_rng(5)
    u, alpha = torch.rand(7, 2, 3, generator=rng), torch.rand(7, 1, 1, generator=rng)
    pixels = real.flatten().tolist()
    mean = sum(pixels) / len(pixels)
    std = math.sqrt(sum((pixel - mean) ** 2 for pixel in pixels) / len(pixels))
    total = 0.0
    for i in range(7):
        neighbour = real[i] + noise * std * u[i]
        point = real[i] + alpha[i] * (neighbour - real[i])
        total += (math.sqrt(sum((curvature * x) ** 2 for x in point.flatten().tolist())) - 1) ** 2
    critic = quadratic_critic(curvature)
    found = Dragan(1.0, noise=noise).penalty(
        lambda x: critic(x.flatten(1)), {"real": real, "fake": real}, keyed_rng(5)
    )
    assert found.item() == pytest.approx(total / 7, rel=1e-7)


def test_one_alpha_moves_a_whole_sample():
    real = torch.zeros(2000, 50)
    real[::2] = 1.0  # a deviation of one half
    reach = (Dragan(10.0).points(real, None, keyed_rng(0)) - real).amax(1) / 0.25
    # With a factor for each pixel the largest of fifty would be near 1 in every sample.
    assert reach.quantile(0.25).item() == pytest.approx(0.25, abs=0.05)
    assert reach.quantile(0.75).item() == pytest.approx(0.75, abs=0.05)


def weighted(regularizer, critic, real, fake, rng):
    """The penalty as the step adds it, at the start of the training."""
    penalty = regularizer.penalty(critic, {"real": real, "fake": fake}, rng)
    return None if penalty is None else regularizer.factor(progress=0.0) * penalty


class SmallCritic(nn.Module):
    """A smooth critic in float64, so that finite differences of its gradient exist."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).double()

    def forward(self, x):
        return self.layers(x).squeeze(1)


@every_penalty
def test_parameter_gradient_of_the_penalty_equals_finite_differences(regularizer):
    critic, real, fake = SmallCritic(), batch(4), batch(5)
    critic.layers[2].weight.data *= 8  # steep enough for a penalty of steep critics

    def value():
        return weighted(regularizer, critic, real, fake, keyed_rng(7))

    value().backward()
    for parameter in list(critic.parameters())[:3]:  # the last bias has no part in the gradient
        index, step = (0,) * parameter.dim(), 1e-6
        with torch.no_grad():
            parameter[index] += step
        up = value().item()
        with torch.no_grad():
            parameter[index] -= 2 * step
        difference = (up - value().item()) / (2 * step)
        with torch.no_grad():
            parameter[index] += step
        assert parameter.grad[index].item() == pytest.approx(difference, rel=1e-5, abs=1e-9)
        assert abs(difference) > 1e-9


def test_squared_norm_is_that_of_each_sample_by_itself():
    critic, x = SmallCritic(), batch(6)
    together = squared_norm(critic, x)
    one_by_one = torch.cat([squared_norm(critic, sample[None]) for sample in x])
    assert torch.allclose(together, one_by_one, rtol=1e-12)


def test_batch_norm_mixes_the_samples_which_is_what_per_sample_says():
    torch.manual_seed(0)
    critic = nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0)
    ).double()
    x = batch(6)
    assert not torch.allclose(squared_norm(critic, x), squared_norm(critic, x[:4]).repeat(2)[:6])
    assert all(regularizer.per_sample for regularizer in PENALTIES)


@every_penalty
def test_penalty_leaves_no_gradient_in_the_samples(regularizer):
    real, fake = batch(1).requires_grad_(), batch(2).requires_grad_()
    weighted(regularizer, SmallCritic(), real, fake, keyed_rng(0)).backward()
    assert real.grad is None
    assert fake.grad is None


@pytest.mark.parametrize(
    "regularizer", [GradientPenalty(10.0), Dragan(10.0)], ids=lambda each: type(each).__name__
)
def test_gradient_at_zero_norm_is_finite(regularizer):
    weight = torch.zeros(3, requires_grad=True)
    value = weighted(regularizer, linear_critic(weight), batch(1).float(), batch(2).float(), keyed_rng(0))
    value.backward()
    assert value.item() == pytest.approx(10.0, rel=1e-4)
    assert torch.equal(weight.grad, torch.zeros(3))
    root = weight.detach().requires_grad_()
    ((root * 1.0).norm() - 1).square().backward()  # the control: torch defines this subgradient as 0 ...
    bare = torch.zeros(3, requires_grad=True)
    (bare.square().sum().sqrt() - 1).square().backward()  # ... and that one not
    assert bare.grad.isnan().all()


@every_penalty
def test_lazy_penalty_has_the_same_mean_over_the_steps(regularizer):
    critic, real, fake = SmallCritic(), batch(4), batch(5)
    critic.layers[2].weight.data *= 8
    lazy = copy.deepcopy(regularizer)
    lazy.every = 4
    due = [step for step in range(8) if lazy.is_due(step)]
    total = sum(weighted(lazy, critic, real, fake, keyed_rng(1)) for _ in due)
    eager = sum(weighted(regularizer, critic, real, fake, keyed_rng(1)) for _ in range(8))
    assert due == [0, 4]
    assert total.item() == pytest.approx(eager.item())


@every_penalty
def test_penalty_is_a_function_of_its_rng(regularizer):
    critic, real, fake = SmallCritic(), batch(4), batch(5)
    critic.layers[2].weight.data *= 8
    values = [weighted(regularizer, critic, real, fake, keyed_rng(key)).item() for key in (0, 0, 1)]
    assert values[0] == values[1]
    assert (values[0] == values[2]) == isinstance(regularizer, R1)


@every_penalty
def test_penalty_is_in_float32_under_autocast_and_from_half_precision_samples(regularizer):
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 1), nn.Flatten(0))
    real, fake = batch(4, dtype=torch.float32).bfloat16(), batch(5, dtype=torch.float32).bfloat16()
    plain = weighted(regularizer, critic, real.float(), fake.float(), keyed_rng(0))
    with torch.autocast("cpu", torch.bfloat16):
        assert critic(real).dtype == torch.bfloat16
        guarded = weighted(regularizer, critic, real.float(), fake.float(), keyed_rng(0))
        from_half = weighted(regularizer, critic, real, fake, keyed_rng(0))
    assert torch.equal(guarded, plain)
    assert from_half.dtype == torch.float32


@pytest.mark.parametrize("kind", [GradientPenalty, Dragan, R1, WassersteinDivergence])
@pytest.mark.parametrize("weight", [0, -1.0, float("nan"), float("inf"), "ten", True])
def test_weight_must_be_a_number_above_zero(kind, weight):
    with pytest.raises(SettingError, match="weight=") as caught:
        kind(weight)
    assert caught.value.setting == "weight"


@pytest.mark.parametrize("every", [0, -1, 1.5])
def test_every_must_be_a_count(every):
    with pytest.raises(SettingError, match="every="):
        R1(1.0, every=every)


def test_negative_noise_is_an_error():
    with pytest.raises(SettingError, match="noise="):
        Dragan(10.0, noise=-0.5)


@pytest.mark.parametrize("power", [1, 0.5, float("nan"), "six"])
def test_power_must_be_above_one(power):
    with pytest.raises(SettingError, match="power="):
        WassersteinDivergence(2.0, power=power)


def test_scheduled_weight_follows_the_progress():
    annealed = R1(CosineWeight(start=2.0, end=0.2))
    assert [annealed.factor(progress) for progress in (0.0, 0.5, 1.0)] == pytest.approx([2.0, 1.1, 0.2])
    assert R1(2.0).factor(0.5) == 2.0
    assert R1(2.0, every=4).factor(0.5) == 8.0


def test_several_logits_a_sample_are_one_by_their_mean():
    weight, real, fake = batch(0, (3, 4)), batch(1), batch(2)
    patches = weighted(R1(2.0), lambda x: (x @ weight).view(-1, 1, 2, 2), real, fake, keyed_rng(0))
    mean = weighted(R1(2.0), lambda x: (x @ weight).mean(1), real, fake, keyed_rng(0))
    assert patches.item() == pytest.approx(mean.item(), rel=1e-12)


def test_a_plain_regularizer_does_nothing():
    regularizer, critic = Regularizer(), SmallCritic()
    before = [parameter.clone() for parameter in critic.parameters()]
    assert weighted(regularizer, critic, batch(0), batch(1), keyed_rng(0)) is None
    regularizer.project(critic)
    assert all(map(torch.equal, before, critic.parameters()))
