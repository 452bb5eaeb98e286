"""Penalties by finite differences: their value, their draws, and where they can be used."""

import pytest
import torch
from torch import nn

from games import SHAPE, make_task
from ganworks.augment import Color, Compose, Translation
from ganworks.errors import SettingError
from ganworks.model import MLPDiscriminator, TransformerDiscriminator
from ganworks.noise import keyed_rng
from ganworks.regularizer import R1, R1Approx, R2Approx
from ganworks.run.build import check_precision
from running import compose

REAL = torch.randn(48, 1, 6, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def smooth():
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 12, 3), nn.SiLU(), nn.Flatten(), nn.Linear(192, 24), nn.SiLU(), nn.Linear(24, 1)]
    network = nn.Sequential(*layers)
    for layer in network[::3]:
        nn.init.normal_(layer.weight, std=1.5 / layer.weight[0].numel() ** 0.5)
    return lambda x: network(x)[:, 0]


def mean_penalty(regularizer, network, num=600):
    with torch.no_grad():
        rng = keyed_rng(1)
        drawn = [regularizer.penalty(network, {"real": REAL, "fake": 2 * REAL}, rng) for _ in range(num)]
    return torch.stack(drawn).mean().item()


def exact(network, x):
    return R1(1.0).penalty(network, {"real": x, "fake": x}, keyed_rng(0)).item()


@pytest.mark.parametrize("central", [False, True])
def test_mean_over_draws_is_the_exact_penalty_at_a_small_sigma(smooth, central):
    found = mean_penalty(R1Approx(1.0, sigma=0.01, central=central), smooth)
    assert found == pytest.approx(exact(smooth, REAL), rel=0.05)
    assert mean_penalty(R2Approx(1.0, sigma=0.01), smooth) == pytest.approx(exact(smooth, 2 * REAL), rel=0.05)


def test_bias_of_one_side_is_that_of_a_curved_critic_and_both_sides_have_none():
    critic = lambda x: 0.5 * x.flatten(1).square().sum(1)  # noqa: E731  # gradient x, laplacian 36
    one, both = (mean_penalty(R1Approx(1.0, sigma=0.5, central=c), critic) for c in (False, True))
    truth = exact(critic, REAL)
    # (D(x + s e) - D(x)) / s = x e + s |e|^2 / 2, whose mean square is |x|^2 + s^2 (n^2 + 2 n) / 4.
    assert one == pytest.approx(truth + 0.25 * (36**2 + 72) / 8, rel=0.05)
    assert both == pytest.approx(truth, rel=0.05)


def test_share_looks_at_the_first_samples_alone():
    seen = []
    R1Approx(1.0, share=0.25).penalty(
        lambda x: seen.append(len(x)) or x.sum((1, 2, 3)), {"real": REAL}, keyed_rng(0)
    )
    assert seen == [12, 12]


@pytest.mark.parametrize("setting", ["sigma", "share"])
def test_settings_out_of_range_are_named(setting):
    with pytest.raises(SettingError, match=setting):
        R1Approx(1.0, **{setting: 0.0})


def penalty_in_a_step(regularizer, **settings):
    """The term of a regularizer in the step of a task, on digits of 8x8."""
    task = make_task(regularizers={"r1": regularizer}, **settings)
    real = torch.randn(16, *SHAPE, generator=keyed_rng(0), dtype=torch.float64)
    (critic,) = task.critics
    return task, task.penalties(critic.penalties, 0, {"real": real, "fake": real}, critic)["r1"]


def test_both_calls_have_the_same_augmentation_so_that_only_the_noise_is_penalised():
    moves = Compose(color=Color(), translation=Translation(0.25))
    _, found = penalty_in_a_step(R1Approx(1.0, sigma=1e-3), augment=moves)
    _, expected = penalty_in_a_step(R1(1.0), augment=moves)
    # Other draws in the second call would make (D(a x) - D(b x))^2 / sigma^2, a million squared differences.
    assert found.item() == pytest.approx(expected.item(), rel=0.6)


def test_exact_penalties_call_the_network_uncompiled_and_approximate_ones_as_it_is():
    for regularizer, num_compiled in ((R1(1.0), 0), (R1Approx(1.0), 2)):
        calls = []
        network = MLPDiscriminator(SHAPE, width=8, depth=2)
        network._compiled_call_impl = lambda x, network=network, calls=calls: (
            calls.append(1) or network.forward(x)
        )
        penalty_in_a_step(regularizer, discriminator=network)
        assert len(calls) == num_compiled


def test_gradients_through_compiled_transformers_are_those_of_the_plain_ones():
    torch.manual_seed(0)
    network, x = TransformerDiscriminator((1, 6, 6), 0, 2, 16, 2, 3, head_width=8), REAL[:4]
    found = []
    for compiled in (False, True):
        if compiled:
            torch.compiler.reset()
            network.compile(backend="aot_eager")
        network.zero_grad()
        R1Approx(1.0).penalty(network, {"real": x}, keyed_rng(0)).backward()
        found.append(torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]))
    assert (found[0] - found[1]).abs().max() < 1e-4 * found[0].abs().max()


@pytest.mark.parametrize(("sigma", "full", "warns"), [(0.01, False, 1), (0.01, True, 0), (0.05, False, 0)])
def test_rounding_under_bf16_is_warned_of(caplog, sigma, full, warns):
    task = type("Task", (), {"all_regularizers": {"r1": R1Approx(1.0, sigma=sigma, full_precision=full)}})()
    check_precision(compose("trainer.precision=bf16-mixed"), task)
    assert caplog.text.count("full_precision=true") == warns
