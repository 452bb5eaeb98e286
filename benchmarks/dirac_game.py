"""The Dirac-GAN of Mescheder et al. 2018 (https://arxiv.org/abs/1801.04406), on our losses and penalties."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganworks.loss import (
    BCE,
    AdversarialLoss,
    Began,
    Hinge,
    LeastSquares,
    Minimax,
    RelativisticAverage,
    RelativisticAverageHinge,
    RelativisticAverageLeastSquares,
    RelativisticPairing,
    Wasserstein,
)
from ganworks.regularizer import (
    R1,
    R2,
    Centring,
    Consistency,
    Dragan,
    GradientPenalty,
    LeCam,
    LipschitzPenalty,
    MaxGradient,
    Regularizer,
    WassersteinDivergence,
    WeightClip,
)

START, STEP, NUM_STEPS = (1.0, -1.0), 0.1, 2000
LOST = 1e3  # a radius from which no run comes back
Orbit = list[tuple[float, float]]

LOSSES: dict[str, Callable[[], AdversarialLoss]] = {
    "minimax": Minimax,
    "bce": BCE,
    "hinge": Hinge,
    "lsgan": LeastSquares,
    "lsgan (-1, 1, 1)": lambda: LeastSquares(a=-1.0, b=1.0, c=1.0),
    "wgan": Wasserstein,
    "relativistic": RelativisticPairing,
    "relativistic_average": RelativisticAverage,
    "relativistic_average_hinge": RelativisticAverageHinge,
    "relativistic_average_lsgan": RelativisticAverageLeastSquares,
    "began": lambda: Began(rate=0.1),
}


def mirrored(x: Tensor, rng: torch.Generator) -> Tensor:
    """Return -x: the change that leaves the real data at 0 what they are."""
    return -x


PENALTIES: dict[str, Callable[[], list[Regularizer]]] = {
    "none": list,
    "r1": lambda: [R1(0.3)],
    "r2": lambda: [R2(0.3)],
    "r1_r2": lambda: [R1(0.3), R2(0.3)],
    "gradient_penalty": lambda: [GradientPenalty(0.5)],
    "lipschitz_penalty": lambda: [LipschitzPenalty(0.5)],
    "wgan_div": lambda: [WassersteinDivergence(0.5)],
    "max_gradient": lambda: [MaxGradient(0.3)],
    "dragan": lambda: [Dragan(0.5)],
    "weight_clip": lambda: [WeightClip(0.3)],
    "lecam": lambda: [LeCam(0.3, start=0)],
    "centring": lambda: [Centring(0.01)],
    "balanced_consistency": lambda: [
        Consistency(0.05, side=side, augment=mirrored) for side in ("real", "fake")
    ],
}
KINKED = ("gradient_penalty", "dragan")  # (|psi| - 1)^2 has no derivative at psi = 0


class Call:
    """A critic as a penalty calls it, see `ganworks.task.critic.CriticCall`: there is nothing beside a sample."""

    def __init__(self, critic: Callable[[Tensor], Tensor]) -> None:
        self.critic = critic

    def __call__(self, x: Tensor) -> Tensor:
        return self.critic(x)

    def of(self, side: str) -> Call:
        return self

    def beside(self, change: Callable[[Tensor], Tensor]) -> Call:
        return self

    def said(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.critic(x)}


class Dirac:
    """D(x) = psi x and G(z) = theta, two scalars that play the game of a loss and its regularizers.

    For BEGAN, whose discriminator is an autoencoder, D(x) = -|x - psi|: it rebuilds every sample as psi.
    """

    def __init__(
        self,
        loss: AdversarialLoss,
        regularizers: Sequence[Regularizer] = (),
        theta: float = START[0],
        psi: float = START[1],
    ) -> None:
        self.loss, self.regularizers = loss, [each.double() for each in regularizers]
        if isinstance(loss, nn.Module):
            loss.double()
        self.theta = nn.Parameter(torch.tensor([theta], dtype=torch.float64))
        self.psi = nn.Parameter(torch.tensor([psi], dtype=torch.float64))
        self.real, self.rng = torch.zeros(1, 1, dtype=torch.float64), torch.Generator().manual_seed(0)

    def critic(self, x: Tensor) -> Tensor:
        """Return the logits (B,) of points (B, 1)."""
        made = -(x - self.psi).abs() if isinstance(self.loss, Began) else self.psi * x
        return made.squeeze(1)

    def generator_loss(self) -> Tensor:
        """Return what theta descends."""
        return self.loss.generator(self.critic(self.theta[:, None]), self.critic(self.real))

    def discriminator_loss(self) -> Tensor:
        """Return what psi descends: the loss, and the penalties with their weights."""
        fake = self.theta[:, None]
        logits = {"real_logits": self.critic(self.real), "fake_logits": self.critic(fake)}
        value = self.loss.discriminator(*logits.values())
        for regularizer in self.regularizers:
            batch = {"real": self.real, "fake": fake, **logits}
            penalty = regularizer.penalty(Call(self.critic), batch, self.rng)
            value = value if penalty is None else value + regularizer.factor(0.0) * penalty
        return value

    def field(self, create_graph: bool = False) -> tuple[Tensor, Tensor]:
        """Return the negative gradients that theta and psi follow."""
        (theta,) = torch.autograd.grad(self.generator_loss(), self.theta, create_graph=create_graph)
        return -theta, self.pull(create_graph)

    def pull(self, create_graph: bool = False) -> Tensor:
        """Return the negative gradient that psi follows."""
        return -torch.autograd.grad(self.discriminator_loss(), self.psi, create_graph=create_graph)[0]

    def play(self, alternating: bool, step: float = STEP, num_steps: int = NUM_STEPS) -> Orbit:
        """Return the points (theta, psi) from the start to the end, or to where the run is lost."""
        critic = nn.ParameterList([self.psi])
        orbit = [(self.theta.item(), self.psi.item())]
        for _ in range(num_steps):
            (pull,) = torch.autograd.grad(self.generator_loss(), self.theta)
            psi = None if alternating else self.pull()
            self.theta.data -= step * pull
            self.psi.data += step * (self.pull() if psi is None else psi)
            for regularizer in self.regularizers:
                regularizer.project(critic)
            if isinstance(self.loss, nn.Module):
                sides = [{"logits": self.critic(x).detach()} for x in (self.real, self.theta[:, None])]
                self.loss.observe(*sides)
            orbit.append((self.theta.item(), self.psi.item()))
            if not math.hypot(*orbit[-1]) < LOST:
                break
        return orbit

    def eigenvalues(self) -> list[complex]:
        """Return those of the field's Jacobian, the one with the larger imaginary part last; states are held."""
        field = self.field(create_graph=True)
        rows = [
            torch.autograd.grad(
                entry, [self.theta, self.psi], retain_graph=True, allow_unused=True, materialize_grads=True
            )
            for entry in field
        ]
        values = torch.linalg.eigvals(torch.stack([torch.cat(row) for row in rows])).tolist()
        return sorted(values, key=lambda value: (value.imag, value.real))


@dataclass(frozen=True)
class Cell:
    """What came of one loss under one penalty: orbits of simultaneous and of alternating steps, and eigenvalues."""

    simultaneous: Orbit
    alternating: Orbit
    eigenvalues: list[complex] | None


def played(loss: str, penalty: str, num_steps: int) -> Cell:
    """Return the cell of a loss and a penalty by their names."""
    orbits = [
        Dirac(LOSSES[loss](), PENALTIES[penalty]()).play(way, num_steps=num_steps) for way in (False, True)
    ]
    if loss == "began" or penalty in KINKED:
        return Cell(*orbits, None)
    return Cell(*orbits, Dirac(LOSSES[loss](), PENALTIES[penalty](), theta=0.0, psi=0.0).eigenvalues())
