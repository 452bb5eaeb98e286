"""Penalties on the discriminator's gradient by finite differences: no gradient of a gradient."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

import torch
from torch import Tensor

from ganworks.errors import SettingError, check_range
from ganworks.loss.base import per_sample
from ganworks.regularizer.base import Regularizer, WeightSchedule
from ganworks.regularizer.gradient import Critic, normal


class ApproximateRegularizer(Regularizer):
    """1/2 E (D(x + sigma e) - D(x))^2 / sigma^2, e ~ N(0, I): as sigma goes to 0 it is 1/2 E |grad D(x)|^2.

    Lin et al. 2025 (APT, https://arxiv.org/abs/2501.08316), section 3.2; GAT divides by sigma^2 as here, so that the
    weight is gamma. It goes with compiled and sharded networks, fused attention and checkpointing, which have no second
    derivative. The two calls see the same draws of augmentation and view, and compute in float32: under bf16 the
    logits' rounding is several times their difference at sigma = .01.

    One side also punishes how far D falls under noise on average, sigma^2 / 4 (laplacian D)^2, which grows with the
    dimension; ``central`` takes (D(x + sigma e) - D(x - sigma e)) / (2 sigma), which has no such term. .01 is faithful
    for smooth networks (SiLU, SwiGLU); with kinks (ReLU) the gradient's noise grows as sigma falls: .03 to .1 there.

    Args:
        weight, every: see `Regularizer`.
        sigma: standard deviation of the noise, above 0, in units of the samples.
        central: the difference over both sides.
        share: of the batch that is looked at, above 0 and up to 1; at least one sample.
        full_precision: compute both calls in float32 whatever the run's precision; false is quicker, and under bf16
            needs a sigma from .03 up.

    Raises:
        SettingError: ``sigma`` or ``share`` is out of range.
    """

    per_sample: ClassVar[bool] = True
    differentiates_twice: ClassVar[bool] = False

    def __init__(
        self,
        weight: float | WeightSchedule,
        every: int = 1,
        sigma: float = 0.01,
        central: bool = False,
        share: float = 1.0,
        full_precision: bool = True,
    ) -> None:
        super().__init__(weight, every)
        if not check_range("sigma", sigma, 0.0):
            raise SettingError("sigma", sigma, "a number above 0")
        if not check_range("share", share, 0.0, 1.0):
            raise SettingError("share", share, "a number above 0 and up to 1")
        self.sigma, self.central, self.share = sigma, central, share
        self.full_precision = full_precision

    @abstractmethod
    def points(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the points at which the gradient is penalised, (B, ...)."""

    def penalty(self, network: Critic, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        x = self.points(batch).detach()
        unit = getattr(network, "unit", 1)  # samples that are judged as one stay together
        x = x[: max(1, math.ceil(self.share * len(x) / unit)) * unit]  # of a batch in random order
        with precision(x.device.type, self.full_precision):
            x = x.to(torch.promote_types(x.dtype, torch.float32))
            noise = self.sigma * normal(x, rng)
            below = x - noise if self.central else x
            difference = per_sample(network(x + noise)) - per_sample(network(below))
        step = 2 * self.sigma if self.central else self.sigma
        return 0.5 * (difference / step).square().mean()

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, sigma={self.sigma}, central={self.central}, share={self.share}"


class R1Approx(ApproximateRegularizer):
    """R1 by finite differences: at real samples."""

    def points(self, batch: Mapping[str, Tensor]) -> Tensor:
        return batch["real"]


class R2Approx(ApproximateRegularizer):
    """R2 by finite differences: at fake samples."""

    def points(self, batch: Mapping[str, Tensor]) -> Tensor:
        return batch["fake"]


def precision(device: str, full: bool) -> AbstractContextManager[object]:
    """Return a context that computes in float32, or as the run does."""
    return torch.autocast(device, enabled=False) if full else nullcontext()
