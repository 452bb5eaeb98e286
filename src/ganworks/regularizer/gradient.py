"""Penalties on the gradient of the discriminator with respect to its input."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganworks.errors import check_range
from ganworks.regularizer.base import Critic, Regularizer, WeightSchedule, check_weight


def squared_gradient_norm(discriminator: Critic, x: Tensor) -> Tensor:
    """Return |grad_x D(x)|^2 of every sample, (B,), differentiable in the discriminator's parameters.

    The gradient of a sum of logits is exact per sample because the logits do not depend on each other. It is
    computed in float32 (float64 stays) with autocast off: under bf16 the penalty's gradients are 2 % wrong.
    """
    with torch.autocast(x.device.type, enabled=False):
        x = x.detach().to(torch.promote_types(x.dtype, torch.float32)).requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
        return gradient.flatten(1).square().sum(1)


@dataclass
class GradientRegularizer(Regularizer, ABC):
    """weight * E[cost(|grad D(x)|^2)] at the points x that a subclass chooses.

    Args:
        weight: above 0, or a function of the progress of training in [0, 1].
        every: apply it on every so many discriminator steps, with the weight scaled by as much
            (lazy regularization, Karras et al. 2020 (StyleGAN2), appendix B).
    """

    per_sample: ClassVar[bool] = True
    weight: float | WeightSchedule
    every: int = 1

    def __post_init__(self) -> None:
        check_weight(self.weight, self.every)

    @abstractmethod
    def points(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        """Return the points at which the gradient is penalised, (B, ...)."""

    @abstractmethod
    def cost(self, squared_norm: Tensor) -> Tensor:
        """Return the cost of each squared gradient norm, (B,)."""

    def penalty(self, discriminator: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        if callable(self.weight):
            raise TypeError("the weight is a schedule: take `regularizer.at(progress)` first")
        # Under autocast the fakes come in half precision and the reals in float32.
        points = self.points(real.detach(), fake.detach().to(real.dtype), rng)
        squared_norm = squared_gradient_norm(discriminator, points)
        return self.weight * self.every * self.cost(squared_norm).mean()


@dataclass
class GradientPenalty(GradientRegularizer):
    """WGAN-GP: weight * E(|grad D(x^)| - 1)^2, x^ uniform on the lines between real and fake samples.

    Gulrajani et al. 2017, equation 3 (https://arxiv.org/abs/1704.00028); the paper's weight is 10.
    """

    def points(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        return torch.lerp(fake, real, uniform((len(real), *[1] * (real.dim() - 1)), real, rng))

    def cost(self, squared_norm: Tensor) -> Tensor:
        return (safe_sqrt(squared_norm) - 1).square()


@dataclass
class Dragan(GradientRegularizer):
    """DRAGAN: weight * E(|grad D(x + noise std(x) u)| - 1)^2, u uniform in [0, 1), x real.

    Kodali et al. 2017, section 2.3 (https://arxiv.org/abs/1705.07215); the paper's weight is 10.

    Args:
        noise: size of the neighbourhood in standard deviations of the batch, above or equal to 0.
    """

    noise: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("noise", self.noise, 0.0)

    def points(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        return real + self.noise * real.std() * uniform(real.shape, real, rng)

    def cost(self, squared_norm: Tensor) -> Tensor:
        return (safe_sqrt(squared_norm) - 1).square()


@dataclass
class R1(GradientRegularizer):
    """R1: gamma/2 E|grad D(x)|^2 at real samples; gamma is ``weight``.

    Mescheder et al. 2018, equation 9 (https://arxiv.org/abs/1801.04406).
    """

    def points(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        return real

    def cost(self, squared_norm: Tensor) -> Tensor:
        return 0.5 * squared_norm


@dataclass
class R2(R1):
    """R2: gamma/2 E|grad D(G(z))|^2 at fake samples; gamma is ``weight``.

    Mescheder et al. 2018, equation 10 (https://arxiv.org/abs/1801.04406).
    """

    def points(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        return fake


def uniform(shape: tuple[int, ...], like: Tensor, rng: torch.Generator) -> Tensor:
    """Return uniform noise in [0, 1), drawn on the generator's device, as type and device of ``like``."""
    return torch.rand(shape, generator=rng, device=rng.device).to(like)


def safe_sqrt(squared_norm: Tensor) -> Tensor:
    """Return the root, with a gradient of 0 at 0, where the norm itself has none."""
    return squared_norm.clamp_min(1e-12).sqrt()
