"""Noise before the discriminator: against the formula and a naive chain, its schedules, its state, what it tells."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hydra import compose as compose_file
from hydra import initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor

from games import BATCH, SHAPE, fit, make_task
from ganworks.augment import Compose, Diffusion, InstanceNoise, Translation
from ganworks.errors import SettingError
from ganworks.model import MLPDiscriminator
from ganworks.noise import keyed_rng
from ganworks.regularizer import R1
from ganworks.run.build import build_run
from ganworks.schedule import Constant, Linear
from running import compose

CONF = Path(__file__).parents[2] / "conf"


def observe(augment: Diffusion, num: int, real: float) -> None:
    for step in range(num):
        logits = torch.randn(16, generator=torch.Generator().manual_seed(step))
        augment.observe_logits([logits + real], [logits - real], 16)


def at_length(length: int, **settings: object) -> Diffusion:
    """An augmentation whose chain has this length throughout."""
    return Diffusion(t_min=length, t_max=length, **settings)


def test_instance_noise_has_its_deviation_and_keeps_the_mean() -> None:
    x = torch.full((4, 100_000), 0.5)
    moved = InstanceNoise(0.3)(x, keyed_rng(0)) - x
    assert moved.std(1) == pytest.approx([0.3] * 4, rel=0.01)
    assert moved.mean(1) == pytest.approx([0.0] * 4, abs=0.005)


def test_sigma_falls_with_the_images_until_samples_pass_untouched() -> None:
    noise, x = InstanceNoise(Linear(0.1, 0.0, 160)), torch.randn(2, 3)
    for expected in (0.1, 0.05, 0.0):
        assert noise.sigma == pytest.approx(expected)
        noise.observe(torch.zeros(8), 80)
    assert noise(x, keyed_rng(0)) is x
    assert noise.scalars == {"sigma": 0}
    other = InstanceNoise(Linear(0.1, 0.0, 160))
    other.load_state_dict(noise.state_dict())
    assert other.sigma == noise.sigma


@pytest.mark.parametrize("augment", [InstanceNoise(0.2), Diffusion(probability=1.0, target=None, t_max=50)])
def test_the_same_stream_gives_the_same_noise_and_another_one_other_noise(augment: Diffusion) -> None:
    x = torch.randn(8, 1, 4, 4)
    assert torch.equal(augment(x, keyed_rng(1)), augment(x, keyed_rng(1)))
    assert not torch.equal(augment(x, keyed_rng(1)), augment(x, keyed_rng(2)))


@pytest.mark.parametrize("augment", [InstanceNoise(0.2), at_length(9, sigma=0.5, clean=0.2)])
def test_noise_is_differentiable_in_the_samples(augment: InstanceNoise) -> None:
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: augment(x, keyed_rng(0)), x)


def test_diffusion_equals_a_chain_of_single_steps_in_distribution() -> None:
    """x_t = sqrt(1 - beta_t) x + sqrt(beta_t) sigma e, step by step, has the mean and the deviation of one draw."""
    mean, variance, sigma = 1.0, 0.0, 0.5
    for beta in torch.linspace(1e-4, 2e-2, 40, dtype=torch.float64).tolist():
        mean, variance = (1 - beta) ** 0.5 * mean, (1 - beta) * variance + beta * sigma**2
    augment = at_length(40, sigma=sigma, clean=0.0)
    augment.draw = lambda num, rng: torch.full((num,), 40)  # type: ignore[method-assign]
    y = augment(torch.ones(4, 200_000), keyed_rng(0))
    assert y.mean() == pytest.approx(mean, rel=1e-3)
    assert y.std() == pytest.approx(variance**0.5, rel=3e-3)


@pytest.mark.parametrize(("law", "weight"), [("priority", lambda t: t), ("uniform", lambda t: 1)])
def test_steps_follow_their_law_beside_the_clean_share(law: str, weight: object) -> None:
    num, augment = 400_000, at_length(7, law=law, clean=0.25)
    shares = torch.bincount(augment.draw(num, keyed_rng(0)), minlength=8) / num
    weights = [float(weight(t)) for t in range(1, 8)]  # type: ignore[operator]
    assert shares[0] == pytest.approx(0.25, abs=0.004)
    assert shares[1:] == pytest.approx([0.75 * w / sum(weights) for w in weights], abs=0.004)


def test_length_equals_that_of_a_loop_and_stays_within_its_bounds() -> None:
    augment, p, signs = Diffusion(t_min=5, t_max=105, adjust_images=1000, every=4), 0.0, []
    for step in range(120):
        logits = torch.randn(16, generator=torch.Generator().manual_seed(step)) + (2.0 if step < 90 else 0.1)
        augment.observe_logits([logits], [logits - 1], 16)
        signs += logits.sign().tolist()
        if step % 4 == 3:
            p = min(1.0, max(0.0, p + (1 if sum(signs) / len(signs) > 0.6 else -1) * 64 / 1000))
            signs = []
        assert augment.length == 5 + round(p * 100)
    assert 5 < augment.length < 105  # it was at its most, and came down at once


def test_state_goes_on_exactly() -> None:
    augment, other = (Diffusion(adjust_images=1000) for _ in range(2))
    observe(augment, 9, 2.0)
    other.load_state_dict(augment.state_dict())
    for each in (augment, other):
        observe(each, 7, 2.0)
    assert augment.length == other.length > 5
    assert all(torch.equal(a, b) for a, b in zip(augment.buffers(), other.buffers(), strict=True))


def test_first_steps_are_not_lost_in_half_precision() -> None:
    augment = at_length(1, sigma=1.0, clean=0.0)
    y = augment(torch.zeros(1, 10_000, dtype=torch.bfloat16), keyed_rng(0)).float()
    assert y.std() == pytest.approx(1e-2, rel=0.05)  # sqrt(1 - abar_1) = sqrt(1e-4)


def test_what_the_discriminator_is_told_is_the_step_of_each_sample() -> None:
    augment = Diffusion(t_max=20, probability=1.0, target=None, tells=True)
    x = torch.randn(64, 2, 3, 3)
    y, steps = augment(x, keyed_rng(0)), augment.draw(64, keyed_rng(0))
    assert y.shape == (64, 3, 3, 3)
    assert torch.equal(y[:, 2], (steps / 20).view(-1, 1, 1).expand(-1, 3, 3))
    assert torch.equal(y[steps == 0][:, :2], x[steps == 0])
    assert not torch.equal(y[steps > 0][:, :2], x[steps > 0])
    both = Compose(move=Translation(), diffusion=augment)
    assert torch.equal(both.unchanged(x), torch.cat([x, torch.zeros(64, 1, 3, 3)], 1))
    assert augment(torch.randn(5, 4), keyed_rng(0)).shape == (5, 5)  # of a vector one number more


def test_a_training_tells_a_wider_discriminator_under_a_penalty() -> None:
    wider = MLPDiscriminator((2, 8, 8), width=8, depth=1)
    augment = Diffusion(tells=True, probability=1.0, target=None)
    task = fit(make_task(num_steps=2, augment=augment, discriminator=wider, regularizers={"r1": R1(1.0)}))
    assert int(task.augment.images) == 2 * BATCH
    real = torch.randn(4, *SHAPE, dtype=torch.float64)
    logits = task.look(task.critics[0], {"real": real}, real, None)
    assert torch.equal(logits, wider(torch.cat([real, torch.zeros_like(real)], 1)))


def test_configurations_widen_the_discriminator_alone() -> None:
    config = compose("data=digits", "augment=diffusion_told", "model=mlp")
    assert config.model.discriminator.shape == [2, 8, 8]
    assert config.model.generator.shape == [1, 8, 8]
    assert build_run(config).task.augment.tells
    with pytest.raises(
        SettingError,
        match=r"model.discriminator.shape=.*: must be left out .~model.discriminator.shape.: each of sprite, path",
    ):
        build_run(compose("data=moving_digits", "model=sprite", "augment=diffusion_told"))


def test_a_configuration_by_itself_has_the_papers_constants() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        augment = instantiate(compose_file("augment/diffusion").augment)
    assert (augment.target, augment.every, augment.law, augment.length) == (0.6, 4, "priority", 5)
    assert augment.signals[1] == pytest.approx(1 - 1e-4)
    assert augment.signals[-1] / augment.signals[-2] == pytest.approx(0.98)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sigma": 0.0}, "sigma=0.0: must be a number above 0"),
        ({"t_min": 9, "t_max": 8}, "t_max=8: must be an integer from 9 up"),
        ({"beta_end": 1.0}, "beta_end=1.0"),
        ({"law": "prior"}, "Did you mean 'priority'"),
        ({"probability": 1.5}, "probability=1.5"),
        ({"clean": -0.1}, "clean=-0.1"),
    ],
)
def test_a_chain_that_cannot_be_is_named(settings: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        Diffusion(**settings)


@pytest.mark.parametrize(("sigma", "said"), [(-0.1, "sigma=-0.1"), (Linear(0.1, 0.0), "num_images")])
def test_a_sigma_that_cannot_be_is_named(sigma: float, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        InstanceNoise(sigma)
    assert InstanceNoise(Constant(0.1)).sigma == 0.1


def test_vectors_and_images_are_taken_as_they_come() -> None:
    for x in (torch.randn(2, 5), torch.randn(2, 1, 4, 4), torch.randn(2, 3, 2, 4, 4)):
        for augment in (InstanceNoise(0.1), Diffusion()):
            y: Tensor = augment(x, keyed_rng(0))
            assert y.shape == x.shape
