"""The measures of features beyond distance and neighbours: CMMD and authenticity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Generator

from ganworks.errors import check_range
from ganworks.metric.distance.clip_distance import SCALE, SIGMA, clip_distance
from ganworks.metric.distance.memorisation import authenticity, memorised_floor
from ganworks.metric.measure.base import Measure
from ganworks.metric.sample_set import SampleSet


@dataclass(frozen=True)
class ClipDistance(Measure):
    """Squared MMD of normalised embeddings under a Gaussian kernel (Jayasumana et al. 2024): `clip_distance`.

    It may be called CMMD on CLIP's embeddings alone; every other extractor has another name.

    Args:
        extractor: whose features it reads.
        name: of the figure.
        sigma, scale: of the kernel and of the figure; 10 and 1000 in the paper.
        num_rows: images of each side, the first ones, that are read; None: all. 30,000 in the paper.
    """

    extractor: str
    name: str = "cmmd"
    sigma: float = SIGMA
    scale: float = SCALE
    num_rows: int | None = None

    def __post_init__(self) -> None:
        check_range("sigma", self.sigma, 1e-6)

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        first, second = (side[self.extractor].features[: self.num_rows] for side in (real, fake))
        return {self.name: clip_distance(first, second, self.sigma, self.scale)}


@dataclass(frozen=True)
class Authenticity(Measure):
    """Share of fakes farther from their nearest real than that real's own gap (Alaa et al. 2022): `memorisation`.

    Args:
        extractor: whose features it reads; ``identity`` for pixels.
        name: of the figure.
    """

    extractor: str
    name: str = "authenticity"

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "max"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        return {self.name: authenticity(real[self.extractor].features, fake[self.extractor].features)}

    def floor(self, real: SampleSet, halves: tuple[SampleSet, SampleSet], rng: Generator) -> dict[str, Any]:
        """Return the share of all reals, one left out at a time."""
        return {self.name: 1 - memorised_floor(real[self.extractor].features, ratio=1.0)}
