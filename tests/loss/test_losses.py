"""Adversarial losses against closed forms, the optimal discriminator and finite differences."""

import math

import pytest
import torch

from ganworks.errors import SettingError
from ganworks.loss import (
    BCE,
    Hinge,
    LeastSquares,
    Minimax,
    RelativisticAverage,
    RelativisticAverageHinge,
    RelativisticAverageLeastSquares,
    RelativisticPairing,
    Wasserstein,
)

RELATIVISTIC = [
    RelativisticPairing(),
    RelativisticAverage(),
    RelativisticAverageHinge(),
    RelativisticAverageHinge(margin=0.5),
    RelativisticAverageLeastSquares(),
]
AVERAGED = RELATIVISTIC[1:]

LOSSES = [
    BCE(),
    BCE(label_smoothing=0.1),
    Minimax(),
    LeastSquares(),
    LeastSquares(a=-1.0, b=1.0, c=0.0),
    Hinge(),
    Hinge(margin=0.5),
    Wasserstein(),
    *RELATIVISTIC,
]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=str)


def logits(seed, num=7, scale=2.0):
    return scale * torch.randn(num, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sigmoid(logit):
    return 1 / (1 + math.exp(-logit))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def averaged_cost(loss, lead):
    """The cost of a lead over the mean of the other side, of one logit."""
    if isinstance(loss, RelativisticAverage):
        return -math.log(sigmoid(lead))
    is_hinge = isinstance(loss, RelativisticAverageHinge)
    return max(0, loss.margin - lead) if is_hinge else (lead - loss.margin) ** 2


def naive(loss, real, fake):
    """Return discriminator's and generator's loss by plain arithmetic on lists of floats."""
    pairs = list(zip(real, fake, strict=True))
    if isinstance(loss, BCE):
        s = loss.label_smoothing
        real_term = mean(-(1 - s) * math.log(sigmoid(r)) - s * math.log(1 - sigmoid(r)) for r in real)
        discriminator = real_term + mean(-math.log(1 - sigmoid(f)) for f in fake)
        if isinstance(loss, Minimax):
            return discriminator, mean(math.log(1 - sigmoid(f)) for f in fake)
        return discriminator, mean(-math.log(sigmoid(f)) for f in fake)
    if isinstance(loss, LeastSquares):
        discriminator = mean((r - loss.b) ** 2 for r in real) / 2 + mean((f - loss.a) ** 2 for f in fake) / 2
        return discriminator, mean((f - loss.c) ** 2 for f in fake) / 2
    if isinstance(loss, Hinge):
        m = loss.margin
        return mean(max(0, m - r) for r in real) + mean(max(0, m + f) for f in fake), -mean(fake)
    if isinstance(loss, RelativisticPairing):
        return mean(-math.log(sigmoid(r - f)) for r, f in pairs), mean(
            -math.log(sigmoid(f - r)) for r, f in pairs
        )
    if loss in AVERAGED:
        m_r, m_f = mean(real), mean(fake)
        discriminator = [mean(averaged_cost(loss, r - m_f) for r in real)]
        discriminator += [mean(averaged_cost(loss, -(f - m_r)) for f in fake)]
        generator = [mean(averaged_cost(loss, f - m_r) for f in fake)]
        generator += [mean(averaged_cost(loss, -(r - m_f)) for r in real)]
        return sum(discriminator), sum(generator)
    return mean(fake) - mean(real), -mean(fake)


@every_loss
def test_loss_equals_plain_arithmetic(loss):
    real, fake = logits(0), logits(1)
    discriminator, generator = naive(loss, real.tolist(), fake.tolist())
    assert loss.discriminator(real, fake).item() == pytest.approx(discriminator, rel=1e-12)
    assert loss.generator(fake, real).item() == pytest.approx(generator, rel=1e-12)
    swapped, _ = naive(loss, fake.tolist(), real.tolist())
    assert loss.discriminator(real, fake).item() != pytest.approx(swapped, rel=1e-3)


@every_loss
def test_loss_gradient_equals_finite_differences(loss):
    real, fake = logits(2).requires_grad_(), logits(3).requires_grad_()
    assert torch.autograd.gradcheck(loss.discriminator, (real, fake))
    assert torch.autograd.gradcheck(lambda f: loss.generator(f, real.detach()), (fake,))


@every_loss
def test_losses_are_finite_and_have_a_gradient_at_extreme_logits(loss):
    real, fake = torch.tensor([-500.0, 500.0, 0.0]), torch.tensor([500.0, -500.0, 0.0], requires_grad=True)
    values = loss.discriminator(real, fake), loss.generator(fake, real)
    (gradient,) = torch.autograd.grad(sum(values), fake)
    assert all(value.isfinite() for value in values)
    assert gradient.isfinite().all()


@pytest.mark.parametrize(
    ("loss", "optimum"),
    [
        (BCE(), math.log(4)),
        (Minimax(), math.log(4)),
        (RelativisticPairing(), math.log(2)),
        (Hinge(), 2.0),
        (Wasserstein(), 0.0),
        (LeastSquares(), 0.25),
        (RelativisticAverage(), math.log(4)),
        (RelativisticAverageHinge(), 2.0),
        (RelativisticAverageLeastSquares(), 2.0),
    ],
    ids=str,
)
def test_optimal_discriminator_of_equal_distributions_has_the_known_loss(loss, optimum):
    """Where real and fake have the same logits, the best discriminator is a constant."""
    constants = torch.linspace(-2, 2, 401, dtype=torch.float64)
    values = [loss.discriminator(constant[None], constant[None]).item() for constant in constants]
    assert min(values) == pytest.approx(optimum, abs=1e-6)
    told_apart = loss.discriminator(torch.full((1,), 0.5), torch.full((1,), -0.5))
    assert told_apart < optimum - 1e-3 or isinstance(loss, LeastSquares)


def test_label_smoothing_moves_the_best_real_logit_from_infinity_to_its_log_odds():
    real = torch.linspace(-6, 6, 12001, dtype=torch.float64)
    fake = torch.zeros(1, dtype=torch.float64)
    smooth = torch.stack([BCE(label_smoothing=0.1).discriminator(r[None], fake) for r in real])
    sharp = torch.stack([BCE().discriminator(r[None], fake) for r in real])
    assert real[smooth.argmin()].item() == pytest.approx(math.log(0.9 / 0.1), abs=1e-3)
    assert real[sharp.argmin()].item() == 6.0


def test_saturating_generator_gradient_vanishes_where_the_discriminator_wins():
    lost = torch.full((4,), -20.0, requires_grad=True)
    (saturating,) = torch.autograd.grad(Minimax().generator(lost), lost)
    (non_saturating,) = torch.autograd.grad(BCE().generator(lost), lost)
    assert saturating.abs().sum() < 1e-8
    assert non_saturating.abs().sum().item() == pytest.approx(1.0)


@every_loss
def test_gradient_descent_on_logits_lowers_both_losses(loss):
    real, fake = logits(4).requires_grad_(), logits(5).requires_grad_()
    for player in (loss.discriminator, lambda r, f: loss.generator(f, r.detach())):
        before = player(real, fake)
        gradients = torch.autograd.grad(before, [real, fake], allow_unused=True)
        moved = [x - 0.1 * (0 if g is None else g) for x, g in zip((real, fake), gradients, strict=True)]
        assert player(*moved) < before


@every_loss
def test_generator_descent_raises_its_logits_on_average(loss):
    fake, real = torch.zeros(5, requires_grad=True), torch.zeros(5)
    if isinstance(loss, LeastSquares) and loss.c == 0:
        fake = torch.full((5,), -1.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss.generator(fake, real), fake)
    assert (gradient < 0).all()


def test_relativistic_loss_depends_on_the_pairing_and_the_others_do_not():
    real, fake = logits(6), logits(7)
    shuffled = fake.roll(1)
    assert not torch.isclose(
        RelativisticPairing().discriminator(real, fake), RelativisticPairing().discriminator(real, shuffled)
    )
    assert torch.isclose(BCE().discriminator(real, fake), BCE().discriminator(real, shuffled))


@pytest.mark.parametrize("loss", RELATIVISTIC, ids=str)
def test_relativistic_losses_ignore_a_shift_of_all_logits(loss):
    real, fake = logits(8), logits(9)
    assert torch.isclose(loss.discriminator(real + 3, fake + 3), loss.discriminator(real, fake))
    assert torch.isclose(loss.generator(fake + 3, real + 3), loss.generator(fake, real))
    assert not torch.isclose(BCE().discriminator(real + 3, fake + 3), BCE().discriminator(real, fake))


@pytest.mark.parametrize("loss", RELATIVISTIC, ids=str)
def test_relativistic_players_exchange_the_sides(loss):
    real, fake = logits(8), logits(9)
    assert torch.equal(loss.generator(fake, real), loss.discriminator(fake, real))


@pytest.mark.parametrize("loss", AVERAGED, ids=str)
def test_averaged_loss_does_not_depend_on_the_pairing_and_takes_batches_of_two_sizes(loss):
    real, fake = logits(6), logits(7)
    assert torch.isclose(loss.discriminator(real, fake), loss.discriminator(real, fake.roll(1)))
    doubled = fake.repeat_interleave(2)
    assert torch.isclose(loss.discriminator(real, doubled), loss.discriminator(real, fake))


def test_averaged_loss_of_one_pair_is_twice_that_of_the_pairing():
    real, fake = logits(6, num=1), logits(7, num=1)
    expected = 2 * RelativisticPairing().discriminator(real, fake)
    assert torch.isclose(RelativisticAverage().discriminator(real, fake), expected)


def test_averaged_loss_teaches_through_the_mean_of_the_other_side():
    real, fake = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    RelativisticAverage().discriminator(real, fake).backward()
    # d/dr = E -sigmoid(-r*) + E -sigmoid(f*) = -1/2 - 1/2, shared by two logits.
    assert real.grad.tolist() == [-0.5, -0.5]
    assert fake.grad.tolist() == [0.5, 0.5]


def auc(real, fake):
    """The share of the pairs of a real and a fake logit in which the real one is larger."""
    return (real[:, None] > fake[None]).double().mean().item()


@every_loss
def test_descending_the_discriminators_loss_raises_auc_and_the_generators_lowers_it(loss):
    real, shift = logits(10, num=64, scale=1.0), torch.tensor(-1.0, dtype=torch.float64, requires_grad=True)
    w = torch.tensor([-0.5, 0.1], dtype=torch.float64, requires_grad=True)  # D(x) = w0 x + w1

    def critic(x):
        return w[0] * x + w[1]

    def now():
        return auc(critic(real), critic(logits(11, num=64, scale=1.0) + shift))

    before = now()
    for _ in range(80):
        fake = logits(11, num=64, scale=1.0) + shift.detach()
        (gradient,) = torch.autograd.grad(loss.discriminator(critic(real), critic(fake)), w)
        w.data -= 0.1 * gradient
    trained = now()
    assert before < 0.3
    assert trained > 0.7
    for _ in range(10):
        fake = logits(11, num=64, scale=1.0) + shift
        (gradient,) = torch.autograd.grad(loss.generator(critic(fake), critic(real)), shift)
        shift.data -= 0.05 * gradient
    assert now() < trained


def test_only_relativistic_losses_ask_for_real_logits():
    assert [loss for loss in LOSSES if loss.relativistic] == RELATIVISTIC
    for loss in LOSSES:
        if not loss.relativistic:
            assert loss.generator(logits(0)).isfinite()
            continue
        with pytest.raises(ValueError, match="needs the real logits"):
            loss.generator(logits(0))


def test_traits_of_each_loss_are_those_that_the_doctor_and_the_augmentation_read():
    assert {type(loss) for loss in LOSSES if loss.cross_entropy} == {BCE, Minimax}
    assert {type(loss) for loss in LOSSES if loss.saturating} == {Minimax}
    assert {type(loss) for loss in LOSSES if loss.lipschitz} == {Wasserstein}
    centred = [loss for loss in LOSSES if loss.centred]
    assert centred == [*LOSSES[:3], LeastSquares(a=-1.0, b=1.0, c=0.0), Hinge(), Hinge(margin=0.5)]


def test_logits_of_different_batch_sizes_cannot_be_paired():
    with pytest.raises(ValueError, match=r"\(7,\) against \(1,\)|\(1,\) against \(7,\)"):
        RelativisticPairing().discriminator(logits(0), logits(1, num=1))


@pytest.mark.parametrize(
    ("build", "setting"),
    [
        (lambda: BCE(label_smoothing=0.7), "label_smoothing"),
        (lambda: BCE(label_smoothing=-0.1), "label_smoothing"),
        (lambda: Hinge(margin=0.0), "margin"),
        (lambda: RelativisticAverageHinge(margin=-1.0), "margin"),
        (lambda: RelativisticAverageLeastSquares(margin=0.0), "margin"),
        (lambda: LeastSquares(a=1.0, b=1.0), "b"),
    ],
)
def test_wrong_setting_is_named(build, setting):
    with pytest.raises(SettingError) as caught:
        build()
    assert caught.value.setting == setting
