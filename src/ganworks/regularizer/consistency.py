"""Consistency of the discriminator: under changes of its input, and of the latent that its input is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganworks.augment import Augment, AugmentFunction, Compose, Flip, Translation, as_module
from ganworks.errors import SettingError, check_choice, check_range
from ganworks.loss.base import per_sample
from ganworks.model.layer.branch import branch
from ganworks.regularizer.base import Regularizer, WeightSchedule, in_float
from ganworks.regularizer.gradient import normal
from ganworks.sample.kind import Image, kind_of

FEATURES = "last_features"


class Consistency(Regularizer):
    """E|D(x) - D(T(x))|^2 for a random change T of the samples that leaves them what they are.

    CR, Zhang et al. 2020, equation 3 (https://arxiv.org/abs/1910.12027), on reals with weight 10; beside one on fakes
    it is bCR, Zhao et al. 2021, section 3.1 (https://arxiv.org/abs/2002.04724), 10 each. D(x) is that of the loss, and
    D(T(x)) has its augmentation, view, labels and their draws, so that it costs one pass and T alone makes the
    difference; in a step of its own (`task.lazy_step`) two passes. What the critic sees beside a sample, such as its
    source, is changed by the same draws of T.

    Args:
        weight, every: see `Regularizer`.
        side: "real" or "fake": whose samples.
        augment: T, an augmentation; None mirrors images and shifts them by up to an eighth of their side, as the papers
            do.
        at: "logits", of which each sample has one, the mean of its patches or heads; or "features", the last ones, with
            the squared distance summed over them.

    Raises:
        SettingError: an unknown ``side`` or ``at``; before the training, samples that are no images without an
            ``augment``, or a discriminator whose last layer is not found.
    """

    differentiates_twice: ClassVar[bool] = False

    def __init__(
        self,
        weight: float | WeightSchedule = 10.0,
        every: int = 1,
        side: str = "real",
        augment: Augment | AugmentFunction | None = None,
        at: str = "logits",
    ) -> None:
        super().__init__(weight, every)
        self.side = check_choice("side", side, ("real", "fake"))
        self.at = check_choice("at", at, ("logits", "features"))
        self.is_default = augment is None
        self.augment = as_module(augment or Compose(flip=Flip(), translation=Translation()))

    def prepare(self, network: nn.Module) -> None:
        if self.at == "features":
            branch(network, FEATURES)

    def penalty(self, network: Any, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        """Return the penalty; ``network`` is a `CriticCall`."""
        sample, call = batch[self.side].detach(), network.of(self.side)
        if self.is_default and not isinstance(kind_of(sample.shape[1:]), Image):
            allowed = f"an augmentation for samples of shape {tuple(sample.shape[1:])}, which are no images"
            raise SettingError("regularizer.consistency.augment", "null", allowed)
        before = batch.get(f"{self.side}_{self.name}")
        if before is None:
            before = call.said(sample)[self.name]
        state = rng.get_state()

        def change(x: Tensor) -> Tensor:  # the same draws for what the critic sees beside the sample
            return self.augment(x, rng.set_state(state))

        moved = call.beside(change).said(change(sample))[self.name]
        return (self.rows(before) - self.rows(moved)).square().sum(1).mean()

    @property
    def name(self) -> str:
        """What is compared, under its name among what the discriminator says."""
        return FEATURES if self.at == "features" else self.at

    def rows(self, said: Tensor) -> Tensor:
        """Return features (B, F) as they are, of logits (B, ...) one a sample, (B, 1); in float32 at least."""
        return in_float(said if self.at == "features" else per_sample(said)[:, None])

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, side={self.side}, at={self.at}"


class LatentConsistency(Regularizer):
    """E|D(G(z)) - D(G(z + sigma e))|^2, e ~ N(0, I): zCR's term of the discriminator.

    Zhao et al. 2021 (ICR), section 3.2 (https://arxiv.org/abs/2002.04724), with weight 20 and sigma .05, beside
    `LatentDiversity` of the generator. Both fakes have the same conditions, labels, augmentation and view.

    Args:
        weight, every: see `Regularizer`.
        sigma: standard deviation of the step, above 0, in units of the latent.

    Raises:
        SettingError: ``sigma`` is out of range; before the training, a generator without a latent.
    """

    differentiates_twice: ClassVar[bool] = False

    def __init__(self, weight: float | WeightSchedule = 20.0, every: int = 1, sigma: float = 0.05) -> None:
        super().__init__(weight, every)
        self.sigma = check_range("sigma", sigma, 1e-9)

    def penalty(self, network: Any, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        """Return the penalty; ``network`` is a `CriticCall`."""
        if "latent" not in batch:
            raise SettingError(
                "regularizer.latent_consistency", "on", "left out: the generator has no latent"
            )
        call = network.of("fake")
        near = network.produce({"latent": batch["latent"] + self.sigma * normal(batch["latent"], rng)})
        moved = per_sample(call(near))
        logits = batch["fake_logits"] if "fake_logits" in batch else call(batch["fake"].detach())
        return (per_sample(logits) - moved).square().mean()

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, sigma={self.sigma}"
