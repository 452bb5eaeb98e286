"""The Dirac-GAN of Mescheder et al. 2018 (https://arxiv.org/abs/1801.04406), on our losses and penalties.

Real data sits at 0, the generator's at theta, and D(x) = psi x: the smallest game that shows which training
converges. It starts at theta = 1, psi = -1 and runs 2,000 steps of size .1, simultaneous or alternating with
the generator first. The expected figures are those of the same game written by hand, without this library.
"""

import math

import pytest
import torch
from torch import nn

from ganworks.loss import BCE, Minimax, RelativisticPairing, Wasserstein
from ganworks.regularizer import R1, R2, GradientPenalty, WeightClip


class Dirac:
    """D(x) = psi x and G(z) = theta, two scalars that play the game of a loss and its regularizers."""

    def __init__(self, loss, regularizers=(), theta=1.0, psi=-1.0):
        self.loss, self.regularizers = loss, regularizers
        self.theta = nn.Parameter(torch.tensor([theta], dtype=torch.float64))
        self.psi = nn.Parameter(torch.tensor([psi], dtype=torch.float64))
        self.real, self.rng = torch.zeros(1, 1, dtype=torch.float64), torch.Generator().manual_seed(0)

    def critic(self, x):
        return (self.psi * x).squeeze(1)

    def generator_loss(self):
        return self.loss.generator(self.critic(self.theta[:, None]), self.critic(self.real))

    def discriminator_loss(self):
        fake = self.theta[:, None]
        value = self.loss.discriminator(self.critic(self.real), self.critic(fake))
        for regularizer in self.regularizers:
            penalty = regularizer.penalty(self.critic, {"real": self.real, "fake": fake}, self.rng)
            value = value if penalty is None else value + regularizer.factor(0.0) * penalty
        return value

    def field(self, create_graph=False):
        """Return the negative gradients that theta and psi follow."""
        (theta,) = torch.autograd.grad(self.generator_loss(), self.theta, create_graph=create_graph)
        (psi,) = torch.autograd.grad(self.discriminator_loss(), self.psi, create_graph=create_graph)
        return -theta, -psi

    def play(self, alternating, step=0.1, num_steps=2000):
        """Return the distance from the equilibrium at the end."""
        critic = nn.ParameterList([self.psi])
        for _ in range(num_steps):
            theta, psi = self.field()
            self.theta.data += step * theta
            if alternating:
                psi = -torch.autograd.grad(self.discriminator_loss(), self.psi)[0]
            self.psi.data += step * psi
            for regularizer in self.regularizers:
                regularizer.project(critic)
        return math.hypot(self.theta.item(), self.psi.item())

    def eigenvalues(self):
        """Return those of the field's Jacobian, the one with the larger imaginary part last."""
        field = self.field(create_graph=True)
        options = {"retain_graph": True, "materialize_grads": True}
        rows = [torch.autograd.grad(entry, [self.theta, self.psi], **options) for entry in field]
        values = torch.linalg.eigvals(torch.stack([torch.cat(row) for row in rows])).tolist()
        return sorted(values, key=lambda value: (value.imag, value.real))


END_STATES = {
    "minimax": (Minimax(), [], 3.10, 1.42),
    "non-saturating": (BCE(), [], 0.45, 0.20),
    "wgan clip": (Wasserstein(), [WeightClip(0.3)], 0.33, 0.31),
    "wgan-gp": (Wasserstein(), [GradientPenalty(0.5)], 1.53, 1.23),
    "non-saturating + r1": (BCE(), [R1(0.3)], 0.0, 0.0),
    "non-saturating + r1, gamma 1": (BCE(), [R1(1.0)], 0.0, 0.0),
    "relativistic + r1 + r2": (RelativisticPairing(), [R1(0.3), R2(0.3)], 0.0, 0.0),
}


@pytest.mark.parametrize("name", END_STATES)
def test_dirac_gan_ends_where_the_hand_written_game_ends(name):
    loss, regularizers, simultaneous, alternating = END_STATES[name]
    assert Dirac(loss, regularizers).play(alternating=False) == pytest.approx(simultaneous, abs=0.006)
    assert Dirac(loss, regularizers).play(alternating=True) == pytest.approx(alternating, abs=0.006)


@pytest.mark.parametrize(
    ("loss", "frequency"),
    [(Minimax(), 0.5), (BCE(), 0.5), (RelativisticPairing(), 0.5), (Wasserstein(), 1.0)],
)
def test_unregularized_games_have_imaginary_eigenvalues_and_so_do_not_converge(loss, frequency):
    low, high = Dirac(loss, theta=0.0, psi=0.0).eigenvalues()
    assert low == pytest.approx(-frequency * 1j)
    assert high == pytest.approx(frequency * 1j)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 2.0])
def test_r1_moves_the_eigenvalues_into_the_left_half_plane(gamma):
    root = complex(gamma**2 / 4 - 1 / 4) ** 0.5
    expected = sorted([-gamma / 2 - root, -gamma / 2 + root], key=lambda value: (value.imag, value.real))
    found = Dirac(BCE(), [R1(gamma)], theta=0.0, psi=0.0).eigenvalues()
    assert found == pytest.approx(expected)
    assert max(value.real for value in found) < 0
