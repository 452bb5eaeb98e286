"""Penalties on the level of the discriminator's logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import relu

from ganworks.errors import check_count, check_range
from ganworks.loss.base import per_sample
from ganworks.loss.relativistic import paired_difference
from ganworks.model.layer.norm import is_shared
from ganworks.regularizer.base import Regularizer, WeightSchedule
from ganworks.task.state import global_mean


class LeCam(Regularizer):
    """E relu(r - a_f)^2 + E relu(a_r - f)^2, a_r and a_f the running means of the real and the fake logits.

    Tseng et al. 2021 (https://arxiv.org/abs/2104.03310): with a hinge or Wasserstein loss it bounds
    the LeCam divergence and keeps the discriminator from learning few data by heart. Each side is drawn to the mean of
    the other one, unless it lies beyond. The paper's weight is .3 for BigGAN, its decay .99. The means are those of all
    devices; a batch in parts (`task.accumulate`) counts as so many updates.

    Args:
        weight, every: see `Regularizer`.
        decay: share of the running means that stays in an update, from 0 to 1.
        start: updates before it acts, from 0 up; the means follow from the first one.
        start_images: real images of all devices before it acts, in the place of ``start``; None counts updates.

    Raises:
        SettingError: a setting that is out of range.
    """

    differentiates_twice: ClassVar[bool] = False
    real_mean: Tensor
    fake_mean: Tensor
    num_updates: Tensor
    num_images: Tensor

    def __init__(
        self,
        weight: float | WeightSchedule = 0.3,
        every: int = 1,
        decay: float = 0.99,
        start: int = 1000,
        start_images: int | None = None,
    ) -> None:
        super().__init__(weight, every)
        self.decay, self.start = check_range("decay", decay, 0.0, 1.0), check_count("start", start, 0)
        self.start_images = None if start_images is None else check_count("start_images", start_images, 0)
        for name, value in (("real_mean", 0.0), ("fake_mean", 0.0), ("num_updates", 0), ("num_images", 0)):
            self.register_buffer(name, torch.tensor(value))

    def penalty(
        self, network: Callable[..., Any], batch: Mapping[str, Tensor], rng: torch.Generator
    ) -> Tensor:
        real, fake = (per_sample(logits) for logits in logits_of_sides(network, batch))
        self._follow(real, fake, len(batch["real"]))
        far = relu(real - self.fake_mean.to(real)).square() + relu(self.real_mean.to(fake) - fake).square()
        # A product, not a branch: the host would wait for the device's count.
        return self._is_acting().to(far) * far.mean()

    @torch.no_grad()
    def _follow(self, real: Tensor, fake: Tensor, num_images: int) -> None:
        """Let the running means follow the batch of all devices; they begin with the first one's."""
        decay = self.decay * (self.num_updates > 0).float()
        for running, logits in ((self.real_mean, real), (self.fake_mean, fake)):
            mean = global_mean(logits.mean()).to(running)
            # One overflow would stay in the mean for ever, where the update itself is left out.
            running.lerp_(mean.where(mean.isfinite(), running), (1 - decay).to(running))
        # It is asked in every so many updates alone, and counts those in between too.
        self.num_updates += self.every
        self.num_images += num_images * self.every * world_size()

    def _is_acting(self) -> Tensor:
        if self.start_images is not None:
            return self.num_images > self.start_images
        return self.num_updates > self.start

    def extra_repr(self) -> str:
        start = self.start if self.start_images is None else f"{self.start_images} images"
        return f"{super().extra_repr()}, decay={self.decay}, start={start}"


class Centring(Regularizer):
    """E(r + f)^2 over pairs of a real and a fake sample: the level of the logits, which a paired loss leaves free.

    Lin et al. 2025 (adversarial flow models, https://arxiv.org/abs/2511.22475), with the weight .01. Where reals and
    fakes have the logits a and -a it is 0, so that it takes no side.

    Args:
        weight, every: see `Regularizer`.
    """

    differentiates_twice: ClassVar[bool] = False

    def __init__(self, weight: float | WeightSchedule = 0.01, every: int = 1) -> None:
        super().__init__(weight, every)

    def penalty(
        self, network: Callable[..., Any], batch: Mapping[str, Tensor], rng: torch.Generator
    ) -> Tensor:
        real, fake = logits_of_sides(network, batch)
        return paired_difference(real, -fake).square().mean()


def logits_of_sides(network: Callable[..., Any], batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the logits (B, ...) of reals and fakes: the loss's own, or in a step of their own those of a new pass."""
    if "real_logits" in batch:
        return batch["real_logits"], batch["fake_logits"]
    return network(batch["real"]), network(batch["fake"])


def world_size() -> int:
    """Return the number of processes that train together."""
    return torch.distributed.get_world_size() if is_shared() else 1
