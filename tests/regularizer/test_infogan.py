"""InfoGAN's bound: against densities, its best value, and that codes can be read off what learns with it."""

import math

import pytest
import torch
from torch.distributions import Categorical, Normal

from ganworks.errors import SettingError
from ganworks.model import MLPDiscriminator, MLPGenerator
from ganworks.model.base import draw_noise, produce
from ganworks.noise import keyed_rng
from ganworks.regularizer import InfoGAN
from ganworks.regularizer.infogan import log_density

CODES = {"categories": [3], "continuous": 2}


def drawn(num=5):
    torch.manual_seed(0)
    return {
        "category_0": torch.eye(3)[torch.arange(num) % 3].double(),
        "continuous": torch.rand(num, 2).double(),
    }


def test_bound_is_the_entropy_and_the_mean_log_likelihood_of_the_codes():
    noise, said = drawn(), torch.randn(5, 7).double()
    classes = Categorical(logits=said[:, :3]).log_prob(noise["category_0"].argmax(1)).mean()
    numbers = (
        Normal(said[:, 3:5], (said[:, 5:] / 2).exp()).log_prob(2 * noise["continuous"] - 1).sum(1).mean()
    )
    expected = math.log(3) + classes + 0.1 * (2 * math.log(2) + numbers)
    assert torch.allclose(InfoGAN(CODES).negative_bound(said, noise), -expected)


def test_slopes_equal_finite_differences():
    noise, said = drawn(), torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: InfoGAN(CODES).negative_bound(x, noise), said)


def test_category_that_is_read_is_worth_its_entropy_and_one_that_is_not_nothing():
    noise, term = drawn(6), InfoGAN({"categories": [3]})
    sure = 50 * noise["category_0"]
    assert term.negative_bound(sure, noise).item() == pytest.approx(-math.log(3))
    assert term.negative_bound(torch.zeros(6, 3), noise).item() == pytest.approx(0.0, abs=1e-6)
    assert term.negative_bound(sure.roll(1, 0), noise) > 10  # control: read wrongly


def test_variance_is_bounded_so_that_the_density_is():
    assert log_density(torch.tensor([[0.0, -100.0]]), torch.zeros(1, 1)).item() < 3


def test_generator_without_the_codes_is_refused():
    with pytest.raises(SettingError, match=r"^model\.generator\.codes=null.*category_0"):
        InfoGAN(CODES).negative_bound(torch.zeros(2, 7), {"latent": torch.zeros(2, 4)})


def test_critic_of_packs_is_refused():
    with pytest.raises(SettingError, match=r"^regularizer\.infogan=on.* says 3 things of 6 samples"):
        InfoGAN(CODES).negative_bound(torch.zeros(3, 7), drawn(6))


@pytest.mark.parametrize("generator_weight", [1.0, 0.0])
def test_codes_can_be_read_off_the_samples_of_a_generator_that_learned_with_it(generator_weight):
    torch.manual_seed(0)
    term = InfoGAN({"categories": [4]}, generator_weight=generator_weight, width=16)
    generator = MLPGenerator((2,), 6, width=16, depth=1, codes={"categories": [4]})
    with torch.no_grad():  # at first a sample hardly depends on its code
        generator.layers[0].weight[:, 2:] *= 0.01
    critic = MLPDiscriminator((2,), 0, width=16, depth=1)
    term.prepare(critic)
    optimizers = [torch.optim.Adam(each.parameters(), lr=0.02) for each in (critic, generator)]
    for step in range(60):
        noise = draw_noise(generator, 64, lambda name, step=step: keyed_rng(step, name))
        for optimizer in optimizers:
            fake = produce(generator, noise)["fake"]
            batch = {**noise, "fake_code": critic(fake)["code"]}
            loss = (
                term.penalty(None, batch, None) if optimizer is optimizers[0] else term.generator_term(batch)
            )
            if loss is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    read = (critic(fake)["code"].argmax(1) == noise["category_0"].argmax(1)).float().mean()
    assert read > 0.9 if generator_weight else read < 0.9
