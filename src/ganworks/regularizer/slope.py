"""Penalties on the discriminator's slope between real and fake samples, each with its own idea of too steep."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu

from ganworks.errors import SettingError
from ganworks.regularizer.base import WeightSchedule
from ganworks.regularizer.gradient import GradientPenalty, safe_sqrt


class LipschitzPenalty(GradientPenalty):
    """WGAN-LP: E max(0, |grad D(x^)| - 1)^2, x^ uniform on the lines between real and fake samples.

    Petzka et al. 2018 (https://arxiv.org/abs/1709.08894): a Lipschitz critic may be flat, which the
    two-sided penalty of `GradientPenalty` forbids. The weight is 10, as there.
    """

    def cost(self, squared_norm: Tensor) -> Tensor:
        return relu(safe_sqrt(squared_norm) - 1).square()


class WassersteinDivergence(GradientPenalty):
    """WGAN-div: E|grad D(x^)|^p, x^ uniform on the lines between real and fake samples; the weight is k.

    Wu et al. 2018 (https://arxiv.org/abs/1712.01026). With the Wasserstein loss it is a divergence
    for which no critic needs to be Lipschitz; the paper's best are k = 2 and p = 6.

    Args:
        weight, every: see `Regularizer`.
        power: p, above 1.

    Raises:
        SettingError: ``power`` is not above 1.
    """

    def __init__(self, weight: float | WeightSchedule = 2.0, every: int = 1, power: float = 6.0) -> None:
        super().__init__(weight, every)
        if not isinstance(power, int | float) or not power > 1:
            raise SettingError("power", power, "a number above 1")
        self.power = power

    def cost(self, squared_norm: Tensor) -> Tensor:
        # |g|^p = (|g|^2)^(p/2), which has an infinite slope at 0 where p < 2.
        return squared_norm.clamp_min(1e-12).pow(self.power / 2)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, power={self.power}"


class MaxGradient(GradientPenalty):
    """MaxGP: max |grad D(x^)|^2 over the batch, x^ uniform on the lines between real and fake samples.

    Zhou et al. 2019 (Lipschitz GANs, https://arxiv.org/abs/1902.05687): the largest slope
    is what a Lipschitz constant is, and the mean of the others says nothing of it. Several devices, and the parts of a
    batch (`task.accumulate`), have a largest one each, whose mean it is.
    """

    def cost(self, squared_norm: Tensor) -> Tensor:
        return squared_norm.max()
