"""The measure of clips that reads how their bright part moves, beside Frechet distances that hardly see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Generator, Tensor

from ganworks.errors import SettingError
from ganworks.metric.distance.frechet import frechet_distance_of_features
from ganworks.metric.distance.motion import NAMES, motion_statistics
from ganworks.metric.measure.base import Measure
from ganworks.metric.reference import ReferenceData
from ganworks.metric.sample_set import SampleSet


@dataclass(frozen=True)
class MotionStatistics(Measure):
    """Frechet distance of five statistics of motion, and the mean constancy of the shape: `motion`.

    Frechet distances on features of video networks are blind to some motion artefacts (Ge et al. 2024,
    https://arxiv.org/abs/2404.12391), so a figure of the motion stands beside them. For clips of one bright object.

    Args:
        num_rows: clips of each side, the first ones, that are read; None: all.
        name: of the figure; ``<name>_fakes`` and ``<name>_reals`` note the mean of each statistic.
        constancy: name of the figure of the shape: 1 where it never changes in flight.
    """

    num_rows: int | None = None
    name: str = "fd_motion"
    constancy: str = "shape_constancy"

    needs = frozenset({"samples"})

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "min", self.constancy: "max"}

    @property
    def settings(self) -> dict[str, Any]:
        return {k: v for k, v in super().settings.items() if k != "constancy"}

    def check_data(self, data: ReferenceData) -> None:
        """Raise `SettingError` unless the samples are clips of two frames or more."""
        if len(data.shape) != 4 or data.shape[1] < 2:
            allowed = f"left out: it measures clips, and {data.name} has samples of {tuple(data.shape)}"
            raise SettingError(f"measure.{self.name}", self.name, allowed)

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        first, second = (self._statistics(side) for side in (real, fake))
        return {
            self.name: frechet_distance_of_features(first, second),
            self.constancy: second[:, -1].mean().item(),
            f"{self.name}_reals": dict(zip(NAMES, first.mean(0).tolist(), strict=True)),
            f"{self.name}_fakes": dict(zip(NAMES, second.mean(0).tolist(), strict=True)),
        }

    def _statistics(self, side: SampleSet) -> Tensor:
        assert side.samples is not None
        return motion_statistics(side.samples[: self.num_rows])
