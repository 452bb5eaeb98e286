"""Adversarial flow: the generator moves its noise as little as it has to, with a gradient of a size that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ganworks.errors import SettingError, check_range
from ganworks.regularizer.base import Regularizer, WeightSchedule, check_weight, in_float
from ganworks.schedule import ValueSchedule
from ganworks.task.state import global_mean

TINY = 1e-30


class NormalizedGradient(Regularizer):
    """g <- g / sqrt(EMA(n sum g^2)) for the gradient g that comes back from the critics to G(z), of n numbers.

    Lin et al. 2025 (AFM, https://arxiv.org/abs/2511.22475): whatever the loss and the critic, the adversarial gradient
    then has the size of that of a mean with unit RMS, so that the weights of the generator's other terms mean the same
    for every network. It changes no loss; the term that it adds is 0 and tells the backward pass its scale.

    Of a batch in parts (`task.accumulate`) n and the sum are those of a part, and the average takes in each; with
    several ranks the sum is that of all.

    Args:
        weight: of the term that is 0: any.
        every: 1.
        gradient_decay: of the running average, from 0 (each batch by itself) to below 1, .9 in the paper; None leaves
            the gradient as it is.

    Attributes:
        moment, mass: running sums whose ratio is the average, without the bias of its start; both begin at 0.

    Raises:
        SettingError: ``gradient_decay`` is out of range; or the gradient is to be normalized, and ``every`` is not 1 or
            the weight is 0 at times.
    """

    player: ClassVar[str] = "generator"
    moment: Tensor
    mass: Tensor

    def __init__(
        self,
        weight: float | WeightSchedule = 1.0,
        every: int = 1,
        gradient_decay: float | None = 0.9,
    ) -> None:
        super().__init__(weight, every)
        if gradient_decay is not None:
            check_range("gradient_decay", gradient_decay, 0.0, 1.0 - 1e-9)
            check_constant(weight, every)
        self.gradient_decay = gradient_decay
        self._factor, self._shown = 1.0, dict[Tensor, tuple[Tensor, Tensor]]()
        self.register_buffer("moment", torch.zeros(()))
        self.register_buffer("mass", torch.zeros(()))

    def through(self, fake: Tensor) -> Tensor:
        """Return ``fake`` as it is; on the way back its gradient is normalized."""
        if self.gradient_decay is None:
            return fake
        if fake not in self._shown:  # several critics see the same: what they say together is normalized
            self._shown[fake] = Normalize.apply(fake, self)
        return self._shown[fake][0]

    def penalty(
        self, network: Callable[..., Any], batch: Mapping[str, Tensor], rng: torch.Generator
    ) -> Tensor:
        zeros, self._shown = [zero for _, zero in self._shown.values()], {}
        return torch.stack(zeros).sum() if zeros else batch["fake"].new_zeros(())

    def factor(self, progress: float) -> float:
        self._factor = super().factor(progress)  # with which the zeros enter the loss
        if self._factor == 0 and self.gradient_decay is not None:
            raise SettingError("weight", 0.0, "above 0 throughout where the gradient is normalized")
        return self._factor

    @torch.no_grad()
    def normalized(self, gradient: Tensor, slope: Tensor | None) -> Tensor:
        """Return a gradient at G(z) divided by its average size, which takes it in.

        Args:
            slope: of the loss, as it is differentiated, along this regularizer's term. A gradient scaler and the parts
                of a batch multiply every term of a loss by one number, and the terms beside this one keep it.
        """
        scale = torch.ones_like(self.moment) if slope is None else slope / self._factor
        plain = in_float(gradient) / torch.where(scale == 0, 1.0, scale)  # of a loss times 0 all is 0
        self.follow(global_mean(plain.numel() * plain.square().sum()))
        size = (self.moment / self.mass.clamp_min(TINY)).clamp_min(TINY).sqrt()
        return (plain * (scale / size)).to(gradient.dtype)

    def follow(self, squared: Tensor) -> None:
        """Take n sum g^2 into the average, unless it has overflown: a gradient scaler leaves that update out."""
        assert self.gradient_decay is not None
        share = (1 - self.gradient_decay) * squared.isfinite().to(self.moment)
        self.moment.lerp_(squared.to(self.moment).nan_to_num(0.0, 0.0, 0.0), share)
        self.mass.lerp_(torch.ones_like(self.mass), share)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, gradient_decay={self.gradient_decay}"


def check_constant(weight: float | WeightSchedule, every: int) -> None:
    """Raise `SettingError` unless a term is in the loss of every update: by its gradient the loss's scale is known."""
    if every != 1:
        raise SettingError("every", every, "1 where the gradient is normalized in each update")
    if isinstance(weight, ValueSchedule):
        for bound in weight.bounds():
            check_weight(bound)


class Normalize(torch.autograd.Function):
    """(G(z), owner) -> G(z) and a zero. They are one node, so that the gradients of both are there at once."""

    @staticmethod
    def forward(ctx: Any, fake: Tensor, owner: NormalizedGradient) -> tuple[Tensor, Tensor]:
        ctx.owner = owner
        ctx.set_materialize_grads(False)
        return fake.view_as(fake), owner.moment.new_zeros(())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor | None, slope: Tensor | None) -> tuple[Tensor | None, None]:
        return None if gradient is None else ctx.owner.normalized(gradient, slope), None


class Transport(NormalizedGradient):
    """E mean (G(z) - z)^2, z of a sample's size: among all maps from noise to data the one that moves it least.

    Lin et al. 2025 (AFM, https://arxiv.org/abs/2511.22475): a GAN leaves the map open, each seed finds another, and the
    generator may wander from one to the next; with this term it is Brenier's, the optimal transport. Too large a weight
    holds the generator at the identity: the paper's goes from .2 to .005 along a cosine. It is meant for the
    normalized gradient of `NormalizedGradient`, without which it has to be found anew for every network.

    Args:
        weight, every, gradient_decay: see `NormalizedGradient`; the weight is that of this term.

    Raises:
        SettingError: as above; before the training, a latent that has not as many numbers as a sample.
    """

    def __init__(
        self,
        weight: float | WeightSchedule = 0.2,
        every: int = 1,
        gradient_decay: float | None = 0.9,
    ) -> None:
        super().__init__(weight, every, gradient_decay)

    def penalty(
        self, network: Callable[..., Any], batch: Mapping[str, Tensor], rng: torch.Generator
    ) -> Tensor:
        fake, latent = batch["fake"], batch.get("latent")
        if latent is None or latent[0].numel() != fake[0].numel():
            length = "no latent" if latent is None else latent[0].numel()
            allowed = f"{fake[0].numel()}, as many numbers as a sample has, under regularizer=transport"
            raise SettingError("model.generator.latent_dim", length, allowed)
        moved = in_float(fake) - latent.view_as(fake)
        return moved.square().mean() + super().penalty(network, batch, rng)
