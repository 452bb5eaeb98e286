"""InfoGAN: the generator's codes can be read off its samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganworks.errors import SettingError, check_count, check_range
from ganworks.loss.base import check_rows
from ganworks.model.codes import CONTINUOUS, Codes
from ganworks.model.layer.branch import branch
from ganworks.regularizer.base import Regularizer, WeightSchedule

MAX_LOG_VARIANCE = 6.0


class InfoGAN(Regularizer):
    """-L_I, L_I = E log Q(c|G(z, c)) + H(c) <= I(c; G(z, c)) in nats: both players learn that Q reads the codes c.

    Chen et al. 2016, equations 5 and 6 (https://arxiv.org/abs/1606.03657). Q is a head on the discriminator's last
    features: a softmax for each category, a Gaussian of its own mean and variance for each continuous code, appendix C.
    At its best the term is -log K for a category of K; what it falls short of is not read.

    Args:
        codes: settings of the generator's `Codes`: ``categories`` and ``continuous``.
        weight, every: see `Regularizer`; lambda, 1 in the paper for categories.
        generator_weight: lambda of the generator, from 0 up, or a schedule.
        continuous_weight: factor of the continuous codes, from 0 up: the paper takes a smaller lambda for them.
        width: units of the head's hidden layer.

    Raises:
        SettingError: a setting out of range; in training, a generator without these codes, or several rows a sample.
    """

    setting: ClassVar[str] = "regularizer.infogan"
    differentiates_twice: ClassVar[bool] = False

    def __init__(
        self,
        codes: Mapping[str, Any],
        weight: float | WeightSchedule = 1.0,
        every: int = 1,
        generator_weight: float | WeightSchedule = 1.0,
        continuous_weight: float = 0.1,
        width: int = 128,
    ) -> None:
        super().__init__(weight, every)
        self.codes = Codes(**{str(name): value for name, value in codes.items()})
        if not callable(generator_weight):
            check_range("generator_weight", generator_weight, 0.0)
        self.generator_weight = generator_weight
        self.continuous_weight = check_range("continuous_weight", continuous_weight, 0.0)
        self.width = check_count("width", width)

    def prepare(self, network: nn.Module) -> None:
        branch(network, "code", self.make_head)

    def make_head(self, num_features: int) -> nn.Module:
        """Return Q's last layers, from features (B, num_features) to logits, means and logarithms of variances."""
        num_outputs = sum(self.codes.categories) + 2 * self.codes.continuous
        hidden = nn.Sequential(nn.Linear(num_features, self.width), nn.LeakyReLU(0.1))
        return hidden.append(nn.Linear(self.width, num_outputs))

    def penalty(
        self, network: Callable[..., Any], batch: Mapping[str, Tensor], rng: torch.Generator
    ) -> Tensor:
        said = batch.get("fake_code")
        if said is None:  # in a step of its own, where the loss has asked for nothing
            said = network.said(batch["fake"])["code"]  # type: ignore[attr-defined]
        return self.negative_bound(said, batch)

    def generator_term(self, batch: Mapping[str, Tensor]) -> Tensor | None:
        return None if self.generator_weight == 0 else self.negative_bound(batch["fake_code"], batch)

    def negative_bound(self, said: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        """Return -L_I of what Q said (B, ...) of samples and the noise by name that they were made of."""
        if missing := [name for name in self.codes.noise if name not in drawn]:
            allowed = f"settings of codes under {self.setting}, which reads {', '.join(missing)}"
            raise SettingError("model.generator.codes", "null", allowed)
        check_rows(self.setting, "on", said, len(drawn[next(iter(self.codes.noise))]))
        said = said.float() if said.dtype.itemsize < 4 else said
        *categories, numbers = said.split([*self.codes.categories, 2 * self.codes.continuous], 1)
        bound = said.new_zeros(())
        for i, logits in enumerate(categories):
            target = drawn[f"category_{i}"].to(logits)
            bound = bound + math.log(logits.shape[1]) - cross_entropy(logits, target)
        if self.codes.continuous:
            target = 2 * drawn[CONTINUOUS].to(numbers) - 1
            bound = (
                bound + self.continuous_weight * (log_density(numbers, target) + math.log(2)).sum(1).mean()
            )
        return -bound


def log_density(said: Tensor, target: Tensor) -> Tensor:
    """Return the log density (B, C) of numbers under Gaussians of means and logarithms of variances, (B, 2 C)."""
    mean, log_variance = said.chunk(2, 1)
    # The variance of what is read without error goes to 0, and the density to infinity.
    log_variance = log_variance.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)
    return -0.5 * (math.log(2 * math.pi) + log_variance + (target - mean).square() * (-log_variance).exp())
