"""Transport and AFM's normalized gradient: closed forms, whatever the scale of the loss, and what is refused."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from games import BATCH, DoubleDigits, digits, fit, largest_difference, make_task
from ganworks.errors import SettingError
from ganworks.loss import BCE, RelativisticPairing
from ganworks.model import MLPDiscriminator, MLPGenerator
from ganworks.noise import keyed_rng
from ganworks.regularizer import CosineWeight, NormalizedGradient, Transport
from ganworks.schedule import Linear

SHAPE = (2, 3)


class Scaled(BCE):
    """The loss times a number: its minimum is the same, its gradient is not."""

    factor = 1000.0

    def generator(self, fake_logits, real_logits=None):
        return self.factor * super().generator(fake_logits, real_logits)


def batch_of(num=5, latent_dim=6):
    latent = torch.randn(num, latent_dim, dtype=torch.float64, generator=keyed_rng(0))
    fake = torch.randn(num, *SHAPE, dtype=torch.float64, generator=keyed_rng(1), requires_grad=True)
    return {"latent": latent, "fake": fake}


def flow(loss=None, **regularizers):
    """A game whose latent has the size of a sample."""
    torch.manual_seed(3)
    generator = MLPGenerator((1, 8, 8), latent_dim=64, width=16, depth=1)
    discriminator = MLPDiscriminator((1, 8, 8), width=16, depth=1)
    return make_task(
        loss, generator=generator, discriminator=discriminator, regularizers=regularizers, num_steps=4
    )


def descend(loss_of, regularizer, batch, scale=1.0, parts=1):
    """Return the gradient at G(z) of a loss and the term, as a backward that scales the sum leaves it."""
    shown = regularizer.through(batch["fake"])
    term = regularizer.factor(0.0) * regularizer.penalty(None, batch, torch.Generator())
    total = scale * torch.stack([loss_of(shown), term]).sum() / parts
    (gradient,) = torch.autograd.grad(total, batch["fake"])
    return gradient / scale * parts


def test_term_is_the_mean_squared_way_of_the_noise_and_its_gradient_is_that_of_finite_differences():
    batch = batch_of()
    term = Transport(gradient_decay=None).double().penalty(None, batch, torch.Generator())
    naive = sum(
        (float(x) - float(z)) ** 2
        for x, z in zip(batch["fake"].detach().flatten(), batch["latent"].flatten(), strict=True)
    )
    assert term.item() == pytest.approx(naive / 30)
    (gradient,) = torch.autograd.grad(term, batch["fake"])
    moved = batch["fake"].detach().clone()
    moved[2, 1, 0] += 1e-6
    other = Transport().double().penalty(None, {**batch, "fake": moved}, torch.Generator())
    assert (other - term).item() / 1e-6 == pytest.approx(gradient[2, 1, 0].item(), rel=1e-4)


def test_normalized_gradient_has_the_size_of_a_mean_with_unit_rms():
    regularizer, batch = NormalizedGradient().double(), batch_of()
    gradient = descend(lambda x: (7 * x).sin().sum(), regularizer, batch)
    assert (30 * gradient.square().sum()).item() == pytest.approx(1)
    (plain,) = torch.autograd.grad((7 * batch["fake"]).sin().sum(), batch["fake"])
    assert torch.allclose(gradient / gradient.norm(), plain / plain.norm())


def test_size_follows_a_running_average_without_the_bias_of_its_start():
    regularizer, batch = NormalizedGradient(gradient_decay=0.9).double(), batch_of()
    sizes, sums = [1.0, 3.0, 0.5, 20.0], []
    for size in sizes:
        gradient = descend(lambda x, s=size: s * x.sum() / 30, regularizer, batch)
        sums = [0.9 * each for each in sums] + [0.1 * size**2]
        expected = size / (sum(sums) / (1 - 0.9 ** len(sums))) ** 0.5
        assert (30 * gradient).mean().item() == pytest.approx(expected)


@pytest.mark.parametrize(("scale", "parts"), [(65536.0, 1), (1.0, 4), (1024.0, 2)])
def test_scale_of_a_gradient_scaler_and_parts_of_a_batch_change_nothing(scale, parts):
    gradients = []
    for each in ((1.0, 1), (scale, parts)):
        regularizer, batch = Transport(0.05).double(), batch_of()
        gradients.append(descend(lambda x: x.pow(3).mean(), regularizer, batch, *each))
    assert torch.allclose(*gradients, rtol=1e-10)


def test_weight_of_transport_means_the_same_for_a_loss_scaled_by_1000():
    tasks = [fit(flow(loss, transport=Transport(0.2))) for loss in (BCE(), Scaled())]
    assert largest_difference(tasks[0].generator, tasks[1].generator) < 1e-10
    control = [fit(flow(loss, transport=Transport(0.2, gradient_decay=None))) for loss in (BCE(), Scaled())]
    assert largest_difference(control[0].generator, control[1].generator) > 1e-3


def test_several_critics_are_normalized_together_by_their_weights():
    regularizer, batch = NormalizedGradient().double(), batch_of()
    first, second = (regularizer.through(batch["fake"]) for _ in range(2))
    assert first is second
    loss = first.sum() + 3 * second.square().sum() + regularizer.penalty(None, batch, torch.Generator())
    (gradient,) = torch.autograd.grad(loss, batch["fake"])
    plain = 1 + 6 * batch["fake"].detach()
    assert torch.allclose(gradient, plain / (30 * plain.square().sum()).sqrt())


def test_gradient_that_has_overflown_does_not_enter_the_average():
    regularizer, batch = NormalizedGradient().double(), batch_of()
    descend(lambda x: x.sum(), regularizer, batch)
    before = copy.deepcopy(regularizer.state_dict())
    gradient = descend(lambda x: torch.inf * x.sum(), regularizer, batch)
    assert not gradient.isfinite().any()  # left for the scaler to see
    assert all(torch.equal(value, before[name]) for name, value in regularizer.state_dict().items())
    assert descend(lambda x: 0 * x.sum(), regularizer, batch).eq(0).all()


def test_value_and_discriminators_update_stay_as_they_are():
    plain, normalized = flow(), flow(transport=Transport(0.1))
    batch = {**next(iter(digits().train_dataloader())), **plain.draw_noise(BATCH)}
    batch["real"] = batch["real"].double()
    terms = [task.generator_terms(dict(batch)) for task in (plain, normalized)]
    assert torch.equal(terms[0]["adversarial"], terms[1]["adversarial"])
    assert set(terms[1]) == {"adversarial", "transport"}


def test_each_part_of_a_batch_enters_the_average():
    task = flow(RelativisticPairing(), transport=Transport(0.2))
    task.accumulate = 2
    fit(task, data=DoubleDigits(batch_size=BATCH, resolution=8, channels=1))
    assert task.regularizers["transport"].mass.item() == pytest.approx(
        1 - 0.9**8
    )  # four updates of two parts


def test_latent_of_another_size_is_refused_before_the_training():
    task = make_task(regularizers={"transport": Transport()})
    real = torch.zeros(2, 1, 8, 8, dtype=torch.float64)
    with pytest.raises(SettingError, match=r"model\.generator\.latent_dim=4: must be 64"):
        task.check({"real": real}, (1, 8, 8))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"every": 2}, "every=2"),
        ({"weight": Linear(0.2, 0.0)}, r"weight=0\.0"),
        ({"gradient_decay": 1.0}, "gradient_decay"),
        ({"weight": 0.0}, "weight"),
    ],
)
def test_settings_that_hide_the_scale_of_the_loss_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        Transport(**settings)
    assert Transport(CosineWeight(0.2, 0.005)).factor(1.0) == pytest.approx(0.005)
    assert Transport(Linear(0.2, 0.0), every=2, gradient_decay=None).through(1) == 1


def test_resumed_run_of_a_normalized_gradient_equals_an_uninterrupted_one(tmp_path):
    whole = fit(flow(transport=Transport(0.2)))
    first = flow(transport=Transport(0.2))
    trainer = pl_trainer(max_steps=2)
    trainer.fit(first, digits())
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    rest = fit(flow(transport=Transport(0.2)), resume=tmp_path / "half.ckpt")
    assert largest_difference(whole.generator, rest.generator) == 0
    assert torch.equal(whole.regularizers["transport"].moment, rest.regularizers["transport"].moment)
    assert whole.regularizers["transport"].moment > 0


def pl_trainer(max_steps):
    import pytorch_lightning as pl

    return pl.Trainer(
        accelerator="cpu",
        max_epochs=-1,
        max_steps=max_steps,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def test_gradient_scaler_of_half_precision_leaves_the_update_as_it_is():
    """The real scaler's scale and unscale around the same terms."""
    layer = nn.Linear(6, 6).double()
    weights = []
    for scaler in (None, torch.amp.GradScaler("cpu", init_scale=2.0**10)):
        network, batch = copy.deepcopy(layer), batch_of()
        optimizer, regularizer = torch.optim.SGD(network.parameters(), lr=1.0), Transport(0.1).double()
        batch["fake"] = network(batch["latent"]).view(5, *SHAPE)
        shown = regularizer.through(batch["fake"])
        loss = shown.sin().sum() + regularizer.factor(0.0) * regularizer.penalty(None, batch, None)
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
        weights.append(network.weight.detach())
    assert torch.allclose(*weights, rtol=1e-9)
    assert not torch.allclose(weights[0], layer.weight)
