"""The measures of series: whether a network tells them apart or learns from them, in time, and column by column."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Generator, Tensor

from ganworks.errors import SettingError, check_count
from ganworks.metric.distance.series import (
    NUM_UPDATES,
    autocorrelation_distance,
    discriminative_score,
    marginal_distance,
    predictive_score,
)
from ganworks.metric.measure.base import Measure
from ganworks.metric.reference import ReferenceData
from ganworks.metric.sample_set import SampleSet


@dataclass(frozen=True)
class SeriesMeasure(Measure):
    """What the measures of series share: they read the series (N, T, D) themselves.

    Args:
        num_rows: series of each side, the first ones, that are read; None: all.
    """

    num_rows: int | None = None

    needs = frozenset({"samples"})

    @property
    def min_samples(self) -> int:
        return 10

    def check_data(self, data: ReferenceData) -> None:
        """Raise `SettingError` unless the samples are series."""
        if len(data.shape) != 2:
            raise SettingError(
                "metric",
                "series",
                f"one of another kind: samples of {tuple(data.shape)} are no series (T, D)",
            )

    def read(self, side: SampleSet) -> Tensor:
        """Return the series (N, T, D) of a side."""
        assert side.samples is not None
        return side.samples[: self.num_rows]


@dataclass(frozen=True)
class LearnedScore(SeriesMeasure):
    """A figure of what a small GRU learns from the fakes.

    Args:
        num_updates: of the training.
        width: units of the GRU.
        name: of the figure.
    """

    num_updates: int = NUM_UPDATES
    width: int = 16
    name: str = "score"

    def __post_init__(self) -> None:
        check_count("num_updates", self.num_updates)
        check_count("width", self.width)

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        seed = rng.initial_seed()
        return {self.name: self.score(self.read(real), self.read(fake), seed, self.num_updates, self.width)}

    @staticmethod
    @abstractmethod
    def score(real: Tensor, fake: Tensor, seed: int, num_updates: int, width: int) -> float:
        """Return the figure of reals and fakes (N, T, D); see `distance.series`."""


@dataclass(frozen=True)
class DiscriminativeScore(LearnedScore):
    """|accuracy - 1/2| of a GRU that learned to tell fakes from reals (Yoon et al. 2019): `distance.series`.

    Arguments: see `LearnedScore`.
    """

    name: str = "discriminative"
    score = staticmethod(discriminative_score)


@dataclass(frozen=True)
class PredictiveScore(LearnedScore):
    """Error on reals of a GRU that learned from fakes to say the next value (Yoon et al. 2019): `distance.series`.

    Arguments: see `LearnedScore`.
    """

    name: str = "predictive"
    score = staticmethod(predictive_score)


@dataclass(frozen=True)
class SeriesDistance(SeriesMeasure):
    """Distances of the autocorrelations and of each column's values: `distance.series`."""

    @property
    def better(self) -> Mapping[str, str]:
        return {"autocorrelation": "min", "marginal": "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        sides = self.read(real), self.read(fake)
        return {
            "autocorrelation": autocorrelation_distance(*sides),
            "marginal": marginal_distance(*sides),
        }
