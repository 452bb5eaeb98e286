"""CR, bCR, zCR: closed forms, the loss's own draws, labels, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganworks.augment import Color, Flip
from ganworks.errors import SettingError
from ganworks.loss import Hinge
from ganworks.model import MLPDiscriminator, MLPGenerator
from ganworks.noise import keyed_rng
from ganworks.optimizer import Constant
from ganworks.regularizer import Consistency, FeatureMatching, LatentConsistency, LatentDiversity, ModeSeeking
from ganworks.task import AdversarialTask, Beside, Critic, ExponentialMovingAverage

SHAPE, NUM = (1, 4, 4), 6


def halved(x, rng):
    return x / 2


def same(x, rng):
    return x


def make(num_classes=0, discriminator=None, **settings):
    torch.manual_seed(0)
    task = AdversarialTask(
        generator=MLPGenerator(SHAPE, 3, num_classes, width=8, depth=1),
        discriminator=discriminator or MLPDiscriminator(SHAPE, num_classes, width=8, depth=1),
        loss=Hinge(),
        ema=ExponentialMovingAverage(0),
        num_images=100,
        optimizers={role: lambda p: torch.optim.SGD(p, lr=0.1) for role in ("generator", "discriminator")},
        schedule=Constant(),
        **settings,
    ).double()
    task.rng = lambda stream: keyed_rng(0, stream)
    return task


def batch_of(task, label=None):
    real = torch.randn(NUM, *SHAPE, generator=keyed_rng(1), dtype=torch.float64)
    labels = {} if label is None else {"label": label}
    latent = torch.randn(NUM, 3, generator=keyed_rng(2), dtype=torch.float64)
    return {"real": real, "latent": latent, **labels}


@pytest.mark.parametrize("side", ["real", "fake"])
def test_term_is_the_mean_squared_difference_of_the_logits(side):
    task = make(regularizers={"consistency": Consistency(2.0, side=side, augment=halved)})
    batch = batch_of(task)
    term = task.discriminator_terms(batch)["consistency"]
    network = task.discriminator
    rows = [(network(x[None]) - network(x[None] / 2)).item() ** 2 for x in batch[side].detach()]
    assert term.item() == pytest.approx(2 * sum(rows) / NUM)


class Products(nn.Module):
    """The mean product of a sample and its source, which a mirror leaves alone where it turns both."""

    def forward(self, x):
        source, sample = x.chunk(2, 1)
        return (source * sample).flatten(1).mean(1)


def test_what_is_seen_beside_a_sample_is_changed_with_it():
    def mirrored(x, rng):
        is_flipped = torch.rand(len(x), generator=rng) < 0.5
        return x.flip(3).where(is_flipped.view(-1, 1, 1, 1), x)

    for side in ("real", "fake"):
        critic = Critic(Products(), view=Beside())
        task = make(discriminator=critic, regularizers={"c": Consistency(side=side, augment=mirrored)})
        batch = batch_of(task) | {"source": torch.randn(NUM, *SHAPE, dtype=torch.float64)}
        assert task.discriminator_terms(batch)["c"].item() == pytest.approx(0, abs=1e-20)


def test_change_that_changes_nothing_has_no_penalty_under_any_augmentation():
    for augment, is_none in ((same, True), (halved, False)):
        task = make(regularizers={"c": Consistency(augment=augment)}, augment=Color())
        # The pass behind the loss's own has its draws: T alone makes the difference.
        assert (task.discriminator_terms(batch_of(task))["c"].item() == 0) == is_none


def test_fakes_have_their_own_labels_in_both_passes():
    label = torch.arange(NUM) % 3
    task = make(3, regularizers={"c": Consistency(1.0, side="fake", augment=halved)})
    (critic,) = task.critics
    object.__setattr__(critic, "fake_label", "drawn")
    batch = {**batch_of(task, label), "drawn": label.flip(0)}
    term = task.discriminator_terms(batch)["c"]
    fake, network = batch["fake"].detach(), task.discriminator
    expected = (network(fake, label.flip(0)) - network(fake / 2, label.flip(0))).square().mean()
    assert term.item() == pytest.approx(expected.item())
    wrong = (network(fake, label) - network(fake / 2, label)).square().mean()
    assert term.item() != pytest.approx(wrong.item())


def test_gradient_is_that_of_finite_differences_and_goes_through_both_passes():
    task = make(regularizers={"c": Consistency(1.0, augment=halved)})
    batch, weight = batch_of(task), task.discriminator.layers[0].weight

    def term():
        return task.discriminator_terms(dict(batch))["c"]

    (gradient,) = torch.autograd.grad(term(), weight)
    values = []
    for step in (1e-6, -1e-6):
        with torch.no_grad():
            weight[2, 5] += step
            values.append(term().item())
            weight[2, 5] -= step
    assert (values[0] - values[1]) / 2e-6 == pytest.approx(gradient[2, 5].item(), rel=1e-5)


def test_features_are_compared_where_they_are_asked_for():
    task = make(regularizers={"c": Consistency(1.0, augment=halved, at="features")})
    batch = batch_of(task)
    body, x = task.discriminator.layers, batch["real"].flatten(1)
    expected = (body(x) - body(x / 2)).square().sum(1).mean()
    assert task.discriminator_terms(batch)["c"].item() == pytest.approx(expected.item())


def test_patches_count_as_one_logit_a_sample():
    patches = nn.Conv2d(1, 1, 2).double()
    task = make(discriminator=patches, regularizers={"c": Consistency(1.0, augment=halved)})
    batch = batch_of(task)
    means = [patches(x).flatten(1).mean(1) for x in (batch["real"], batch["real"] / 2)]
    expected = (means[0] - means[1]).square().mean()
    assert task.discriminator_terms(batch)["c"].item() == pytest.approx(expected.item())


def test_lazy_step_has_a_penalty_of_its_own_passes():
    task = make(regularizers={"c": Consistency(1.0, every=2, augment=halved)}, lazy_step=True)
    batch = batch_of(task)
    assert "c" not in task.discriminator_terms(batch)
    term, real = task.discriminator_lazy_terms(batch)["c"], batch["real"]
    expected = 2 * (task.discriminator(real) - task.discriminator(real / 2)).square().mean()
    assert term.item() == pytest.approx(expected.item())


def test_default_change_mirrors_and_shifts_images_by_keyed_draws():
    x = torch.arange(16.0).view(1, 1, 4, 4).expand(64, -1, -1, -1)
    change = Consistency().augment
    seen = change(x, keyed_rng(0))
    assert torch.equal(seen, change(x, keyed_rng(0)))
    assert not torch.equal(seen, change(x, keyed_rng(1)))
    flipped = Flip()(x, keyed_rng(0))
    is_flipped = (flipped == x.flip(-1)).flatten(1).all(1)
    assert ((flipped == x).flatten(1).all(1) ^ is_flipped).all()
    assert 0 < is_flipped.sum() < 64


def test_default_change_of_points_is_refused_before_the_training():
    task = make(discriminator=MLPDiscriminator((2,), width=4), regularizers={"c": Consistency()})
    task.generator = MLPGenerator((2,), 3, width=4).double()
    with pytest.raises(SettingError, match=r"regularizer\.consistency\.augment=null.*no images"):
        task.check({"real": torch.zeros(2, 2, dtype=torch.float64)}, (2,))
    for settings in ({"side": "left"}, {"at": "pixels"}):
        with pytest.raises(SettingError, match=next(iter(settings))):
            Consistency(**settings)


def test_zcr_compares_fakes_of_near_latents_and_pushes_them_apart():
    sigma, label = 0.3, torch.arange(NUM) % 3
    regularizers = {"near": LatentConsistency(20.0, sigma=sigma), "far": LatentDiversity(0.5, sigma=sigma)}
    task = make(3, regularizers=regularizers)
    batch = batch_of(task, label)
    found = task.discriminator_terms(dict(batch))["near"], task.generator_terms(dict(batch))["far"]
    step = {name: torch.randn(NUM, 3, generator=keyed_rng(0, name)).double() for name in ("near", "far")}
    fake = task.generator(batch["latent"], label)
    moved = {name: task.generator(batch["latent"] + sigma * e, label) for name, e in step.items()}
    logits = task.discriminator(fake, label) - task.discriminator(moved["near"], label)
    assert found[0].item() == pytest.approx(20 * logits.square().mean().item())
    assert found[1].item() == pytest.approx(-0.5 * (moved["far"] - fake).square().mean().item())
    assert torch.autograd.grad(found[0], task.generator.parameters(), allow_unused=True)[0] is None
    assert torch.autograd.grad(found[1], task.generator.layers[0].weight)[0].any()


def test_terms_of_a_second_sample_refuse_generators_that_have_none():
    translator = nn.Linear(2, 2)
    for regularizer, name in ((LatentDiversity(), "latent_diversity"), (ModeSeeking(), "mode_seeking")):
        for network in (translator, nn.ModuleDict({"one": translator})):
            with pytest.raises(SettingError, match=rf"regularizer\.{name}"):
                regularizer.penalty(network, {}, keyed_rng(0))
    with pytest.raises(SettingError, match="latent_consistency"):
        LatentConsistency().penalty(None, {}, keyed_rng(0))


def linear(factor):
    generator = MLPGenerator((3,), 3, width=4, depth=1).double()
    generator.layers = nn.Linear(3, 3, bias=False).double()
    nn.init.eye_(generator.layers.weight).data.mul_(factor)
    return generator


@pytest.mark.parametrize("pairs", ["drawn", "halves"])
def test_mode_seeking_is_the_inverse_of_how_far_the_samples_move(pairs):
    latent = torch.randn(7, 3, generator=keyed_rng(0), dtype=torch.float64)
    for factor in (0.5, 2.0):  # a linear map moves all by its factor
        network = linear(factor)
        batch = {"latent": latent, "fake": network(latent)}
        term = ModeSeeking(pairs=pairs, epsilon=1e-5).penalty(network, batch, keyed_rng(1))
        assert term.item() == pytest.approx(1 / (factor + 1e-5))
        (gradient,) = torch.autograd.grad(term, network.layers.weight)
        assert gradient.diagonal().max() < 0  # descent moves the samples further
    collapsed = linear(0.0)
    batch = {"latent": latent, "fake": collapsed(latent)}
    assert ModeSeeking().penalty(collapsed, batch, keyed_rng(1)).item() == pytest.approx(1e5)


def test_pairs_share_their_label_so_that_halves_need_a_generator_without_one():
    task = make(3, regularizers={"m": ModeSeeking(1.0)})
    label = torch.arange(NUM) % 3
    batch = batch_of(task, label)
    term = task.generator_terms(batch)["m"]
    drawn = torch.randn(NUM, 3, generator=keyed_rng(0, "m")).double()
    moved = (task.generator(drawn, label) - batch["fake"]).abs().mean()
    expected = 1 / (moved / (drawn - batch["latent"]).abs().mean() + 1e-5)
    assert term.item() == pytest.approx(expected.item())
    with pytest.raises(SettingError, match=r"mode_seeking\.pairs=halves.*label"):
        ModeSeeking(pairs="halves").penalty(task.generator, batch, keyed_rng(0))
    with pytest.raises(SettingError, match=r"pairs=thirds"):
        ModeSeeking(pairs="thirds")


def test_feature_matching_compares_the_means_of_the_last_features():
    task = make(regularizers={"matching": FeatureMatching(3.0)})
    batch = batch_of(task)
    term = task.generator_terms(batch)["matching"]
    body = task.discriminator.layers
    real, fake = (
        torch.stack([body(x.flatten()[None])[0] for x in batch[side]]).mean(0) for side in ("real", "fake")
    )
    assert term.item() == pytest.approx(3 * (real - fake).square().sum().item())
    (found,) = torch.autograd.grad(term, batch["fake"], retain_graph=True)
    (expected,) = torch.autograd.grad(3 * (real.detach() - fake).square().sum(), batch["fake"])
    assert torch.allclose(found, expected)
    term.backward()
    assert all(weight.grad is None for weight in task.discriminator.parameters())
    assert set(task.discriminator_terms(batch)) == {"adversarial"}
    with pytest.raises(SettingError, match="weight"):
        FeatureMatching(0.0)


def test_equal_means_match_whatever_the_samples_are():
    task = make(regularizers={"matching": FeatureMatching()})
    features = torch.randn(4, 5)
    batch = {"real_last_features": features, "fake_last_features": features.flip(0)}
    term = task.regularizers["matching"].generator_term
    assert term(batch).item() == pytest.approx(0, abs=1e-12)
    assert term({**batch, "fake_last_features": features + 1}).item() == pytest.approx(5)
