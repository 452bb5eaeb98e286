"""Distribution matching: a third player learns the score of the fakes, and the generator follows the difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ganworks.errors import SettingError, check_range
from ganworks.model.flow import draw_times, velocity_loss
from ganworks.model.score_pair import ScorePair, matching_loss
from ganworks.task.base import Batch, Terms
from ganworks.task.check import check_losses, untouched
from ganworks.task.distil import DistilTask


class MatchingTask(DistilTask):
    """`DistilTask` whose generator follows g = (fake score - teacher's score) too, Yin et al. 2024 (DMD2).

    https://arxiv.org/abs/2405.14867, algorithm 1. The role ``score`` learns by flow matching on the generator's
    samples, in each of the discriminator's batches. Critics of weight 0 are neither trained nor asked: matching alone.

    Args:
        score: the teacher's score and that of the fakes.
        matching: weight of the matching term; DMD2 has 1 beside critics of weight .003 to .01.
        low, high: bounds of the times at which the scores are compared, in [0, 1].
        args, kwargs: see `DistilTask`.

    Raises:
        SettingError: a weight or a bound that is out of range.
    """

    roles = ("generator", "discriminator", "score")

    def __init__(
        self,
        *args: Any,
        score: ScorePair,
        matching: float = 1.0,
        low: float = 0.02,
        high: float = 0.98,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.score, self.matching = score, check_range("matching", matching, 0.0)
        self.low, self.high = check_range("low", low, 0.0, 1.0), check_range("high", high, 0.0, 1.0)
        if not low < high:
            raise SettingError("high", high, f"a number above low={low} and up to 1")
        self.is_adversarial = any(critic.weight for critic in self.critics)
        self.freeze_parameters()

    def freeze_parameters(self) -> None:
        if hasattr(self, "score"):  # the base asks before this class has all of its players
            super().freeze_parameters()

    def update(
        self,
        role: str,
        terms_of: Callable[[Batch], Terms] | None,
        parts: list[Batch],
        is_lazy: bool = False,
    ) -> None:
        """Update the score before the discriminator, which rests where no critic has a weight."""
        if role == "discriminator" and not is_lazy:
            super().update("score", self.terms_of("score"), parts)
        if role != "discriminator" or self.is_adversarial:
            super().update(role, terms_of, parts, is_lazy)

    def score_terms(self, batch: Batch) -> Terms:
        """Return the squared error of the fake score's velocity at the batch's fakes under noise."""
        fake = self.fakes(batch, with_graph=self.is_generator_turn and self.accumulate == 1).detach()
        return {
            "velocity": velocity_loss(self.score.fake_velocity, fake, *self.noise_of(fake, "score", 0.0, 1.0))
        }

    def generator_terms(self, batch: Batch) -> Terms:
        fake = self.fakes(batch, with_graph=True)
        t_and_noise = self.noise_of(fake, "matching", self.low, self.high)
        terms = {"matching": self.matching * matching_loss(self.score, fake, *t_and_noise)}
        if self.is_adversarial:
            return terms | super().generator_terms(batch)
        step = self.num_updates_of("generator")
        return terms | self.penalties(self.generator_regularizers, step, batch)

    def noise_of(self, sample: Tensor, stream: str, low: float, high: float) -> tuple[Tensor, Tensor]:
        """Return times (B,), uniform in [low, high), and noise (B, *shape) of this step."""
        rng = self.rng(f"{stream}/noise")
        noise = torch.randn(sample.shape, generator=rng, device=rng.device).to(sample)
        return draw_times(len(sample), low, high, self.rng(f"{stream}/time")).to(sample), noise

    def check(self, batch: Batch, shape: tuple[int, ...]) -> None:
        super().check(batch, shape)
        with untouched(self):
            noise = self.draw_noise(len(batch["real"]))
            check_losses("score", lambda: self.score_terms({**batch, **noise}))
