"""Terms that keep two samples of near latents apart: mode seeking, and the generator's side of zCR."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_choice, check_range
from ganworks.model.base import conditions_of, noise_of, produce
from ganworks.regularizer.base import Regularizer, WeightSchedule, in_float
from ganworks.regularizer.gradient import normal


class ModeSeeking(Regularizer):
    """1 / (E|G(z1) - G(z2)| / E|z1 - z2| + eps): the generator moves its samples as far as their latents.

    Mao et al. 2019 (MSGAN), equation 3 (https://arxiv.org/abs/1903.05628), whose maximum of the ratio is the minimum of
    its inverse; distances are means of absolute differences over numbers and batch, the paper's weight is 1. Both
    samples of a pair have the same conditions and the same other noise, and z2 has the law of z1.

    Args:
        weight, every: see `Regularizer`.
        pairs: "drawn" makes a second sample of each condition with a latent of its own; "halves" compares the halves of
            the batch, which costs nothing and needs a generator without conditions.
        epsilon: eps, above 0: keeps the inverse finite.

    Raises:
        SettingError: unknown ``pairs`` or an ``epsilon`` out of range; before the training, a generator without a
            latent, of several networks, or with conditions where the halves are compared.
    """

    player: ClassVar[str] = "generator"

    def __init__(
        self,
        weight: float | WeightSchedule = 1.0,
        every: int = 1,
        pairs: str = "drawn",
        epsilon: float = 1e-5,
    ) -> None:
        super().__init__(weight, every)
        self.pairs = check_choice("pairs", pairs, ("drawn", "halves"))
        self.epsilon = check_range("epsilon", epsilon, 1e-12)

    def penalty(self, network: Any, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        check_latent(network, "regularizer.mode_seeking")
        fake, latent = batch["fake"], batch["latent"]
        if self.pairs == "drawn":
            drawn = noise_of(network)["latent"].draw(len(latent), rng).to(latent)
            pairs = [(fake, produce(network, {**batch, "latent": drawn})["fake"]), (latent, drawn)]
        elif conditions := conditions_of(network):
            allowed = f"drawn with a generator that takes {', '.join(conditions)}: samples differ in it too"
            raise SettingError("regularizer.mode_seeking.pairs", "halves", allowed)
        else:
            half = len(fake) // 2
            pairs = [(each[:half], each[half : 2 * half]) for each in (fake, latent)]
        moved, apart = (mean_distance(first, second) for first, second in pairs)
        return 1 / (moved / apart + self.epsilon)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, pairs={self.pairs}"


class LatentDiversity(Regularizer):
    """-E mean (G(z) - G(z + sigma e))^2, e ~ N(0, I): zCR's term of the generator, against its collapse.

    Zhao et al. 2021 (ICR), section 3.2 (https://arxiv.org/abs/2002.04724), with weight .5 and sigma .05, beside
    `LatentConsistency` of the discriminator, without which nothing bounds it. Conditions and other noise stay.

    Args:
        weight, every: see `Regularizer`.
        sigma: standard deviation of the step, above 0, in units of the latent.

    Raises:
        SettingError: ``sigma`` is out of range; before the training, a generator without a latent or of several
            networks.
    """

    player: ClassVar[str] = "generator"

    def __init__(self, weight: float | WeightSchedule = 0.5, every: int = 1, sigma: float = 0.05) -> None:
        super().__init__(weight, every)
        self.sigma = check_range("sigma", sigma, 1e-9)

    def penalty(self, network: Any, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        check_latent(network, "regularizer.latent_diversity")
        near = batch["latent"] + self.sigma * normal(batch["latent"], rng)
        moved = produce(network, {**batch, "latent": near})["fake"]
        return -in_float(moved - batch["fake"]).square().mean()

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, sigma={self.sigma}"


def check_latent(network: Callable[..., Any], setting: str) -> None:
    """Raise `SettingError` unless a player is one network with a latent, of which it can make a second sample."""
    several = isinstance(network, nn.ModuleDict)
    if several or "latent" not in noise_of(network):  # type: ignore[arg-type]
        what = "a generator of several networks" if several else f"{type(network).__name__} without a latent"
        raise SettingError(
            setting, what, "left out, or used with a generator of one network that takes a latent"
        )


def mean_distance(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean absolute difference of all numbers, in float32 at least."""
    return in_float(first - second).abs().mean()
