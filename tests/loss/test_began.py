"""BEGAN: its balance beside a naive loop, its state in a run, and the discriminator that it asks for."""

import pytest
import torch

from games import SHAPE, fit, largest_difference, make_task
from ganworks.errors import SettingError
from ganworks.loss import Began
from ganworks.model import BEGANDiscriminator, BEGANGenerator, MLPAutoencoder, MLPDiscriminator
from ganworks.regularizer import San


def said(step, num=6):
    """What an autoencoder says in step ``step``: errors around .4 of reals, around .1 of fakes."""
    errors = torch.rand(2, num, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
    real, fake = 0.3 + 0.2 * errors[0], 0.2 * errors[1]
    return [{"logits": -error, "reconstruction": error} for error in (real, fake)]


def test_balance_loss_and_convergence_equal_a_naive_loop():
    loss, k = Began(gamma=0.5, rate=2.0).double(), 0.0
    for step in range(12):
        real, fake = said(step)
        of_real, of_fake = (-each["logits"].mean().item() for each in (real, fake))
        assert loss.discriminator_of(real, fake).item() == pytest.approx(of_real - k * of_fake)
        assert loss.generator_of(fake).item() == pytest.approx(of_fake)
        loss.observe(real, fake)
        k = min(1.0, max(0.0, k + 2.0 * (0.5 * of_real - of_fake)))
        assert loss.k.item() == pytest.approx(k)
        assert loss.convergence.item() == pytest.approx(of_real + abs(0.5 * of_real - of_fake))
    assert k == 1.0  # it reached its bound


def test_loss_alone_does_not_move_the_balance():
    loss = Began(rate=1.0).double()
    real, fake = said(0)
    loss.discriminator_of(real, fake)
    loss.generator_of(fake)
    assert loss.k == 0
    loss.observe(real, fake)
    assert loss.k > 0


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
def test_balance_does_not_follow_an_overflow(broken):
    loss = Began(rate=1.0).double()
    loss.k.fill_(0.3)
    real, fake = said(0)
    real["logits"][0] = broken
    loss.observe(real, fake)
    assert loss.k == 0.3


def test_balance_holds_the_fakes_error_at_gamma_times_the_reals():
    """Fakes whose error grows with k, as a discriminator that is paid for it makes it grow."""
    loss = Began(gamma=0.5, rate=0.5).double()
    for _ in range(400):
        of_real, of_fake = torch.tensor([0.4], dtype=torch.float64), 0.3 * loss.k[None]
        loss.observe({"logits": -of_real}, {"logits": -of_fake})
    assert of_fake.item() == pytest.approx(0.5 * 0.4, rel=1e-6)
    assert loss.convergence.item() == pytest.approx(0.4, rel=1e-6)


def test_gradients_equal_finite_differences_at_any_balance():
    loss = Began().double()
    loss.k.fill_(0.7)
    logits = [each["logits"].requires_grad_() for each in said(1)]
    assert torch.autograd.gradcheck(loss.discriminator, logits)
    assert torch.autograd.gradcheck(loss.generator, logits[1:])


def game(**changes):
    torch.manual_seed(0)
    parts = {"discriminator": MLPAutoencoder(SHAPE, width=16, code_dim=4)}
    return make_task(**{"loss": Began(rate=0.3), **parts, **changes})


def test_step_follows_the_balance_and_logs_it():
    task = fit(game(num_steps=4))
    assert 0 < task.loss.k < 1
    assert task.scalars["train/loss/k"] == pytest.approx(task.loss.k.item())
    assert task.scalars["train/loss/convergence"] == pytest.approx(task.loss.convergence.item())
    assert {"loss.k", "loss.convergence"} <= task.state_dict().keys()


def test_check_before_the_training_leaves_the_balance_alone_and_asks_for_an_autoencoder():
    batch = {"real": torch.zeros(2, *SHAPE, dtype=torch.float64)}
    task = game()
    task.check(batch, SHAPE)
    assert task.loss.k == 0
    other = game(discriminator=MLPDiscriminator(SHAPE, width=16, depth=2))
    with pytest.raises(SettingError, match=r"loss=began: must be used with an autoencoder.*model=began"):
        other.check(batch, SHAPE)


def test_each_named_critic_has_a_balance_of_its_own():
    torch.manual_seed(0)
    networks = {name: MLPAutoencoder(SHAPE, width=16, code_dim=size) for name, size in (("a", 2), ("b", 8))}
    task = fit(game(discriminator=networks, num_steps=3))
    k = {name: loss.k.item() for name, loss in task.critic_losses.items()}
    assert k.keys() == {"a", "b"}
    assert k["a"] != k["b"]
    assert {"train/a/loss/k", "train/b/loss/k"} <= task.scalars.keys()


def test_networks_rebuild_images_and_points_through_a_narrow_code():
    torch.manual_seed(0)
    x = torch.randn(3, 3, 32, 32)
    discriminator, generator = BEGANDiscriminator(x.shape[1:], width=4), BEGANGenerator(x.shape[1:], width=4)
    told = discriminator(x)
    assert told["reconstruction"].shape == x.shape
    assert torch.allclose(told["logits"], -(x - told["reconstruction"]).abs().mean((1, 2, 3)))
    assert discriminator.encoder(x).shape == (3, 64)
    assert generator(torch.randn(2, 64)).shape == (2, *x.shape[1:])
    points = MLPAutoencoder((2,), width=8)
    assert points(torch.randn(5, 2))["logits"].shape == (5,)
    with pytest.raises(SettingError, match="resolution"):
        BEGANDiscriminator((1, 27, 27))


def test_autoencoder_learns_to_tell_reals_from_what_it_is_not_shown():
    torch.manual_seed(0)
    network = MLPAutoencoder((6,), width=32, code_dim=1)
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)

    def on_a_line(num):
        return torch.randn(num, 1) * torch.ones(6)

    for _ in range(150):
        optimizer.zero_grad()
        Began().discriminator(network(on_a_line(64))["logits"], torch.zeros(1)).backward()
        optimizer.step()
    with torch.no_grad():
        real, fake = network(on_a_line(200))["logits"], network(torch.randn(200, 6))["logits"]
    assert (real[:, None] > fake).float().mean() > 0.95


def test_networks_whose_logits_come_of_no_layer_are_refused_by_san():
    with pytest.raises(SettingError, match=r"regularizer\.san"):
        San().prepare(BEGANDiscriminator((1, 8, 8), width=4))


def test_settings_out_of_range_are_named():
    for name, value in (("gamma", 1.5), ("gamma", -0.1), ("rate", -1.0)):
        with pytest.raises(SettingError, match=f"{name}={value}"):
            Began(**{name: value})


def test_half_a_batch_at_a_time_differs_by_the_balance_alone():
    whole, parts = fit(game(num_steps=2)), fit(game(num_steps=2, accumulate=2))
    assert largest_difference(whole, parts) > 0  # it counts the parts
    fixed = [fit(game(num_steps=2, accumulate=n, loss=Began(rate=0.0))) for n in (1, 2)]
    assert largest_difference(*fixed) < 1e-12
