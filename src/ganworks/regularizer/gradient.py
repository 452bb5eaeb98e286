"""Penalties on the gradient of the discriminator with respect to its input."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ganworks.errors import check_range
from ganworks.loss.base import per_sample
from ganworks.model.layer.precision import full_precision
from ganworks.model.layer.token_attention import twice_differentiable
from ganworks.regularizer.base import Regularizer, WeightSchedule
from ganworks.task.state import global_std

Critic = Callable[[Tensor], Tensor]


def squared_gradient_norm(discriminator: Critic, x: Tensor) -> Tensor:
    """Return |grad_x D(x)|^2 of every sample, (B,), differentiable in the discriminator's parameters.

    The gradient of a sum of logits is exact per sample because the logits do not depend on each other; of several
    logits a sample (patches, heads) their mean is taken. A discriminator that judges m samples together, as in PacGAN,
    has B / m logits, and these are then the norms (B / m,) of whole packs.

    It is computed in float32 (float64 stays) with autocast off and without the half precision of single layers: under
    bf16 the penalty's gradients are 2 % wrong.
    """
    with torch.autocast(x.device.type, enabled=False), full_precision(), twice_differentiable():
        x = x.detach().to(torch.promote_types(x.dtype, torch.float32)).requires_grad_()
        return squared_norms(per_sample(discriminator(x)), x)


def squared_norms(logits: Tensor, x: Tensor) -> Tensor:
    """Return the squared norm of each logit's gradient, (N,), of logits (N,) of samples (B, ...), B = N m."""
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    # Under half precision the gradient is of that type; its square is summed in float32 all the same.
    gradient = gradient.to(torch.promote_types(gradient.dtype, torch.float32))
    return gradient.reshape(len(logits), -1).square().sum(1)


class GradientRegularizer(Regularizer, ABC):
    """E[cost(|grad D(x)|^2)] at the points x that a subclass chooses; arguments as for `Regularizer`."""

    per_sample: ClassVar[bool] = True

    def __init__(self, weight: float | WeightSchedule, every: int = 1) -> None:
        super().__init__(weight, every)

    @abstractmethod
    def points(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        """Return the points at which the gradient is penalised, (B, ...)."""

    @abstractmethod
    def cost(self, squared_norm: Tensor) -> Tensor:
        """Return the cost of each of the squared gradient norms (B,), or one of them all."""

    def penalty(self, network: Critic, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        real, fake = batch["real"].detach(), batch["fake"].detach()
        # Under autocast the fakes come in half precision and the reals in float32.
        points = self.points(real, fake.to(real.dtype), rng)
        return self.cost(squared_gradient_norm(network, points)).mean()

    def shared_penalty(self, sample: Tensor, logits: Tensor) -> Tensor:
        return self.cost(squared_norms(per_sample(logits), sample)).mean()


class GradientPenalty(GradientRegularizer):
    """WGAN-GP: E(|grad D(x^)| - 1)^2, x^ uniform on the lines between real and fake samples.

    Gulrajani et al. 2017, equation 3 (https://arxiv.org/abs/1704.00028); the paper's weight is 10.
    """

    def points(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        return torch.lerp(fake, real, uniform((len(real), *[1] * (real.dim() - 1)), real, rng))

    def cost(self, squared_norm: Tensor) -> Tensor:
        return (safe_sqrt(squared_norm) - 1).square()


class Dragan(GradientRegularizer):
    """DRAGAN: E(|grad D(x^)| - 1)^2 at x^ = x + alpha noise std u, x real, u uniform in [0, 1) for each pixel.

    Kodali et al. 2017 (https://arxiv.org/abs/1705.07215); the paper's weight is 10. As in its authors' code
    (github.com/kodalinaveen3/DRAGAN): alpha, uniform in [0, 1), moves each sample on the line to its neighbour
    x + noise std u, and std is the deviation of all the pixels of a batch, here of the global batch: it does not depend
    on how many ranks share it. Of a batch in parts (`task.accumulate`) it is that of the part.

    Args:
        weight, every: see `Regularizer`.
        noise: size of the neighbourhood in standard deviations of the batch, above or equal to 0.
    """

    def __init__(self, weight: float | WeightSchedule, every: int = 1, noise: float = 0.5) -> None:
        super().__init__(weight, every)
        self.noise = check_range("noise", noise, 0.0)

    def points(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        u = uniform(real.shape, real, rng)
        alpha = uniform((len(real), *[1] * (real.dim() - 1)), real, rng)
        return real + alpha * self.noise * global_std(real) * u

    def cost(self, squared_norm: Tensor) -> Tensor:
        return (safe_sqrt(squared_norm) - 1).square()


class R1(GradientRegularizer):
    """R1: 1/2 E|grad D(x)|^2 at real samples; the weight is gamma.

    Mescheder et al. 2018, equation 9 (https://arxiv.org/abs/1801.04406).
    """

    shares: ClassVar[str] = "real"

    def points(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        return real

    def cost(self, squared_norm: Tensor) -> Tensor:
        return 0.5 * squared_norm


class R2(R1):
    """R2: 1/2 E|grad D(G(z))|^2 at fake samples; the weight is gamma.

    Mescheder et al. 2018, equation 10 (https://arxiv.org/abs/1801.04406).
    """

    shares: ClassVar[str] = "fake"

    def points(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        return fake


def uniform(shape: tuple[int, ...], like: Tensor, rng: torch.Generator) -> Tensor:
    """Return uniform noise in [0, 1), drawn on the generator's device, as type and device of ``like``."""
    return torch.rand(shape, generator=rng, device=rng.device).to(like)


def normal(like: Tensor, rng: torch.Generator) -> Tensor:
    """Return noise of N(0, 1), drawn on the generator's device, as shape, type and device of ``like``."""
    return torch.randn(like.shape, generator=rng, device=rng.device).to(like)


def safe_sqrt(squared_norm: Tensor) -> Tensor:
    """Return the root, with a gradient of 0 at 0, where the norm itself has none."""
    return squared_norm.clamp_min(1e-12).sqrt()
