"""What compares a set of fakes with the reals: the protocol of every measure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from typing import Any, ClassVar

from torch import Generator

from ganworks.metric.reference import ReferenceData
from ganworks.metric.sample_set import SampleSet

NEEDS = {"moments", "features", "logits", "samples", "labels", "sampler"}


class Measure(ABC):
    """One or several figures of a set of fakes; a frozen dataclass whose fields are its settings.

    A subclass says beforehand what it reads, so that what is missing is refused before training:

    - ``extractor``, a field: the name of the extractor under ``metric.extractor`` whose features it reads, as
      ``real[self.extractor]``. Override `extractors` to read several, or none.
    - ``needs``, some of

      ========== ==============================================================================================
      moments    ``real["x"].mean``, ``.covariance`` and ``.root`` of all samples, float64, streamed
      features   ``real["x"].features``, the first ``num_rows`` of them
      logits     ``real["x"].logits``, as many; refused where the extractor is no classifier
      samples    ``real.samples``, as many, in the data's range
      labels     ``real.labels`` and ``fake.labels``, the class of every sample; refused for data without classes
                 and for generators that are not conditional
      sampler    ``fake.sampler`` (`ganworks.sample.sampler.Sampler`: ``draw_latent``, ``labels``, ``batches``,
                 ``sample``) and ``fake.truncation``; refused where two folders are compared
      ========== ==============================================================================================
    - ``fields``: names of what it reads beside the samples, such as ``source``, as ``fake.fields["source"]`` of the
      same rows as the samples. Of a fake they are those of the real sample whose conditions it was made from, so that
      ``fake.fields["real"]`` is the truth where data come in pairs. Refused where the data have no such field.
    - ``num_rows``: how many features, logits and samples it reads at most; None: all of them.
    - `better`: the names of its figures, which have to be unique among all measures of a suite, each with "min"
      or "max".

    All tensors are on the CPU. Fakes with values that are not finite never arrive here: their figures are NaN.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    fields: ClassVar[tuple[str, ...]] = ()
    num_rows: int | None = None

    @property
    @abstractmethod
    def better(self) -> Mapping[str, str]:
        """Each figure's name with "min" where a low value is a good one, "max" where a high one is."""

    @abstractmethod
    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        """Return the value of each figure, and notes: what is worth a look but is no figure.

        A name that `better` does not have is a note, in plain types (the class histogram, a deviation).
        ``rng`` is keyed by the suite's seed and the measure's name, so the figures are a function of both sets.
        """

    def floor(self, real: SampleSet, halves: tuple[SampleSet, SampleSet], rng: Generator) -> dict[str, Any]:
        """Return the figures of real samples that stand in for the fakes: what a perfect generator gets.

        Args:
            real: all reals.
            halves: two halves of them, the second to stand in for the fakes.
        """
        return self.figures(*halves, rng)

    @property
    def min_samples(self) -> int:
        """The least number of fakes, and of reals, that it can be computed from."""
        return 2

    def check(self) -> None:  # noqa: B027
        """Raise `GanworksError` if it has files of its own and they are missing; before training starts."""

    def check_data(self, data: ReferenceData) -> None:  # noqa: B027
        """Raise `SettingError` if it cannot measure such data, beyond what ``needs`` says; reads no sample."""

    @property
    def extractors(self) -> tuple[str, ...]:
        """Names of the extractors that it reads."""
        name = getattr(self, "extractor", None)
        return () if name is None else (name,)

    @property
    def settings(self) -> dict[str, Any]:
        """Its settings in plain types, without those that are None; they stand in the contract of its figures."""
        assert is_dataclass(self)
        names = [
            item.name for item in dataclass_fields(self) if item.name not in ("extractor", "name", "suffix")
        ]
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}
