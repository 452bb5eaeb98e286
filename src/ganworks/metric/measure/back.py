"""The measure of the way back of two translators that undo each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Generator

from ganworks.metric.distance.frechet import frechet_distance_of_features
from ganworks.metric.extractor.base import Extractor
from ganworks.metric.measure.base import Measure
from ganworks.metric.reference import ReferenceData
from ganworks.metric.sample_set import SampleSet
from ganworks.sample.direction import backwards


@dataclass(frozen=True)
class BackDistance(Measure):
    """Frechet distance between sources and what the way back makes of the reals: `fd_back`, from 0 up.

    The sources are those of the fakes; the reals those of the reference, of which the training has seen none where it
    has one of its own.

    Args:
        network: the extractor, an instance.
        name: of the figure.
    """

    network: Extractor
    name: str = "fd_back"

    needs: ClassVar[frozenset[str]] = frozenset({"samples", "sampler", "back"})
    fields: ClassVar[tuple[str, ...]] = ("source",)

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "min"}

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.network.contract)

    def check(self) -> None:
        """Raise `GanworksError` unless the extractor has its weights."""
        self.network.check()

    def check_data(self, data: ReferenceData) -> None:
        """Raise `SettingError` unless the extractor takes such samples."""
        self.network.check_shape(data.shape)

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        assert fake.sampler is not None
        assert real.samples is not None
        self.network.load()
        sampler = backwards(fake.sampler)
        made = sampler.sample(real.num, conditions={"source": real.samples}).cpu()
        sides = [self.network(each.float()).features for each in (made, fake.fields["source"])]
        return {self.name: frechet_distance_of_features(*sides)}

    def floor(self, real: SampleSet, halves: tuple[SampleSet, SampleSet], rng: Generator) -> dict[str, Any]:
        """Return nothing: the sources are not divided into halves."""
        return {}
