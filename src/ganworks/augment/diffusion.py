"""Diffusion-GAN: what the discriminator sees is diffused by a chain whose length follows how far it overfits."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ganworks.augment.adaptive import UNIT, Adaptive
from ganworks.errors import SettingError, check_choice, check_count, check_range
from ganworks.regularizer.gradient import normal
from ganworks.schedule import ValueSchedule, check_value

LAWS = ("priority", "uniform")


class Diffusion(Adaptive):
    """y = sqrt(abar_t) x + sqrt(1 - abar_t) sigma e for reals and fakes, e ~ N(0, I), t drawn for each sample.

    Wang et al. 2022 (Diffusion-GAN, https://arxiv.org/abs/2206.02262), section 3: abar_t is the product of 1 - beta_s
    over s = 1 to t, beta_s goes in a straight line from ``beta_start`` to ``beta_end`` over ``t_max`` steps. A share
    ``clean`` of the samples has t = 0 and stays as it is; of the others P(t) is proportional to t ("priority"), or
    alike ("uniform"), for t = 1 to T. The authors draw from a table of 64 such t, half of them 0, that they renew with
    T: each sample's t has the same law. T = t_min + p (t_max - t_min), and p moves as ADA's does (`Adaptive`), by
    sign(r_d - target) in every fourth update, r_d = E sign(D(y) - 1/2) of reals, here the sign of the logit; in [0, 1].

    The paper's discriminator is told t. Here it is not unless ``tells`` is true: samples then have one channel more,
    a vector one number more, with t / t_max, for which it has to be built (augment=diffusion_told).

    Args:
        sigma: of the noise at t = infinity, above 0, in units of the samples.
        t_min, t_max: least and greatest T.
        beta_start, beta_end: above 0 and below 1.
        law: "priority" or "uniform".
        clean: share of the samples that are not diffused, from 0 to 1.
        tells: show the discriminator t.
        probability, target, adjust_images, every, signal: see `Adaptive`; p goes from 0 to 1.

    Raises:
        SettingError: a setting that is out of range.
    """

    highest: ClassVar[int | None] = UNIT

    def __init__(
        self,
        sigma: float = 0.05,
        t_min: int = 5,
        t_max: int = 500,
        beta_start: float = 1e-4,
        beta_end: float = 2e-2,
        law: str = "priority",
        clean: float = 0.5,
        tells: bool = False,
        probability: float | ValueSchedule = 0.0,
        target: float | None = 0.6,
        adjust_images: int = 500_000,
        every: int = 4,
        signal: str = "auto",
    ) -> None:
        super().__init__(probability, target, adjust_images, every, signal)
        check_value("probability", probability, 0.0, 1.0)
        if not check_range("sigma", sigma, 0.0):
            raise SettingError("sigma", sigma, "a number above 0")
        self.sigma, self.tells = sigma, tells
        self.t_min, self.t_max = check_count("t_min", t_min), check_count("t_max", t_max, at_least=t_min)
        for name, beta in (("beta_start", beta_start), ("beta_end", beta_end)):
            if not 0 < check_range(name, beta, 0.0, 1.0) < 1:
                raise SettingError(name, beta, "a number above 0 and below 1")
        self.law = check_choice("law", law, LAWS)
        self.clean = check_range("clean", clean, 0.0, 1.0)
        betas = torch.linspace(beta_start, beta_end, self.t_max, dtype=torch.float64)
        self.signals = torch.cat([betas.new_ones(1), (1 - betas).cumprod(0)])  # abar_t, t = 0 to t_max

    @property
    def length(self) -> int:
        """T, the steps of the chain."""
        return self.t_min + round(min(self.p, 1.0) * (self.t_max - self.t_min))

    @property
    def scalars(self) -> dict[str, Tensor]:
        length = torch.as_tensor(self.length, dtype=torch.float32, device=self.images.device)
        return {**super().scalars, "length": length}

    def forward(self, x: Tensor, rng: torch.Generator) -> Tensor:
        t = self.draw(len(x), rng)
        signal = self.signals.to(t.device)[t].view(-1, *[1] * (x.dim() - 1))  # abar_t
        # Both factors in float64: under half precision 1 - abar_t would be 0 for the first steps.
        keep, spread = signal.sqrt().to(x), ((1 - signal).sqrt() * self.sigma).to(x)
        y = keep * x + spread * normal(x, rng)
        return told(y, t / self.t_max) if self.tells else y

    def draw(self, num: int, rng: torch.Generator) -> Tensor:
        """Return t of ``num`` samples, (num,) of int64, on the generator's device."""
        length = self.length
        u = torch.rand(num, generator=rng, device=rng.device, dtype=torch.float64)
        if self.law == "priority":  # P(t) = 2 t / (T (T + 1)): the smallest t with t (t + 1) >= u T (T + 1)
            t = ((0.25 + u * length * (length + 1)).sqrt() - 0.5).ceil()
        else:
            t = (u * length).floor() + 1
        is_clean = torch.rand(num, generator=rng, device=rng.device) < self.clean
        return t.clamp(1, length).long().masked_fill(is_clean, 0)

    def unchanged(self, x: Tensor) -> Tensor:
        return told(x, x.new_zeros(len(x))) if self.tells else x


def told(x: Tensor, value: Tensor) -> Tensor:
    """Return samples (B, C, ...) with one channel more, everywhere ``value`` (B,) of the sample."""
    channel = value.to(x).view(-1, *[1] * (x.dim() - 1)).expand(-1, 1, *x.shape[2:])
    return torch.cat([x, channel], 1)
