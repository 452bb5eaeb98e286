"""One pass over samples: every extractor sees each batch once, and what the measures asked for is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganworks.errors import GanworksError
from ganworks.metric.distance.moments import Moments
from ganworks.metric.extractor.base import Extractor, Features
from ganworks.metric.measure.base import Measure
from ganworks.metric.sample_set import FeatureSet, SampleSet

STEP = 32
Batch = tuple[Tensor, Mapping[str, Tensor]]
"""Samples (B, *shape), and what belongs to each by name: ``label``, fields such as ``source``."""


@dataclass(frozen=True)
class Keep:
    """What a pass keeps.

    Args:
        num_features: of each extractor, how many features and logits, the first ones.
        moments: the extractors of which all samples' moments are kept.
        num_samples: how many samples, the first ones.
        labels: whether labels are kept, those of all samples.
        fields: names of the fields that are kept beside the samples, as many rows.
    """

    num_features: Mapping[str, int]
    moments: frozenset[str] = frozenset()
    num_samples: int = 0
    labels: bool = False
    fields: frozenset[str] = frozenset()

    @classmethod
    def for_measures(cls, measures: Iterable[Measure], num: int, everything: bool = False) -> Keep:
        """Return what ``measures`` need of ``num`` samples, or, in addition, all features and samples."""
        num_features: dict[str, int] = {}
        num_samples, moments, labels = num if everything else 0, set(), False
        fields: set[str] = set()
        for measure in measures:
            rows = num if everything or measure.num_rows is None else min(num, measure.num_rows)
            reads_rows = everything or bool(measure.needs & {"features", "logits"})
            for name in measure.extractors:
                num_features[name] = max(num_features.get(name, 0), rows if reads_rows else 0)
                if "moments" in measure.needs:
                    moments.add(name)
            if "samples" in measure.needs or measure.fields:
                num_samples = max(num_samples, rows)
            fields.update(measure.fields)
            labels = labels or "labels" in measure.needs
        # Where all features are kept anyhow, the moments follow from them, the same for any batches.
        streamed = frozenset(name for name in moments if num_features[name] < num)
        return cls(num_features, streamed, num_samples, labels, frozenset(fields))

    def after(self, start: int) -> Keep:
        """Return what is to be kept of the samples from number ``start`` on."""
        num_features = {name: max(0, num - start) for name, num in self.num_features.items()}
        return replace(self, num_features=num_features, num_samples=max(0, self.num_samples - start))

    def showing(self, num: int, extractor: str | None) -> Keep:
        """Return the same with ``num`` samples or more, and their features, for pictures."""
        num_features = dict(self.num_features)
        if num and extractor is not None:
            num_features[extractor] = max(num_features[extractor], num)
        return replace(self, num_features=num_features, num_samples=max(self.num_samples, num))

    def without(self, extractors: Collection[str]) -> Keep:
        """Return the same without some of the extractors."""
        num_features = {name: num for name, num in self.num_features.items() if name not in extractors}
        return replace(self, num_features=num_features, moments=self.moments - set(extractors))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept, so that no sample has to be read."""
        return not (self.num_features or self.num_samples or self.labels)


class FeatureCollector:
    """Features of one extractor, batch by batch; small batches and ends of large ones are joined to whole passes.

    Fewer samples than dimensions are all kept: their covariance is singular, and the samples are a smaller root
    of it than any (D, D) matrix.

    Args:
        extractor: what makes features of samples.
        num: size of the whole set, of which this may be a part.
        num_kept: how many features and logits to keep.
        moments: whether the moments of all samples are needed.
    """

    def __init__(self, extractor: Extractor, num: int, num_kept: int, moments: bool) -> None:
        self.extractor = extractor
        self.num, self.num_kept, self.needs_moments = num, num_kept, moments
        self.num_seen = 0
        self.waiting: Tensor | None = None  # samples that are fewer than a pass
        self.moments: Moments | None = None
        self.features: list[Tensor] = []
        self.logits: list[Tensor] = []

    def see(self, samples: Tensor) -> None:
        """Take the next samples (B, *shape)."""
        size = self.extractor.pass_size
        if size is None:
            return self._add(self.extractor(samples))
        for part in samples.split(size):
            prepared = self.extractor.prepared(part)
            waiting = prepared if self.waiting is None else torch.cat([self.waiting, prepared])
            if len(waiting) >= size:
                self._add(self.extractor.features(waiting[:size]))
            self.waiting = waiting if len(waiting) < size else waiting[size:]

    def _add(self, found: Features) -> None:
        features, logits = found.features, found.logits
        is_few = self.needs_moments and self.num < features.shape[1]
        rows = len(features) if is_few else max(0, self.num_kept - self.num_seen)
        self.features.append(features[:rows])
        if logits is not None:
            self.logits.append(logits[:rows])
        if self.needs_moments and not is_few:
            moments = Moments.of(features)
            self.moments = moments if self.moments is None else self.moments + moments
        self.num_seen += len(features)

    def result(self) -> FeatureSet:
        """Return what was kept of all samples."""
        if self.waiting is not None and len(self.waiting):
            self._add(self.extractor.features(self.waiting))
        logits = torch.cat(self.logits) if self.logits else None
        return FeatureSet(self.num_seen, torch.cat(self.features), logits, self.moments)


def collect(batches: Iterable[Batch], num: int, extractors: Mapping[str, Extractor], keep: Keep) -> SampleSet:
    """Return the set of the samples that come in ``batches``, a part of ``num`` or all of them."""
    collectors = {
        name: FeatureCollector(extractors[name], num, num_kept, name in keep.moments)
        for name, num_kept in keep.num_features.items()
    }
    samples: list[Tensor] = []
    labels: list[Tensor] = []
    fields: dict[str, list[Tensor]] = {name: [] for name in keep.fields}
    num_seen = num_not_finite = 0
    for batch, beside in batches:
        num_bad = int((~batch.flatten(1).isfinite().all(1)).sum())
        batch = batch.nan_to_num(0.0, 0.0, 0.0) if num_bad else batch
        for collector in collectors.values():
            collector.see(batch)
        num_kept = max(0, keep.num_samples - num_seen)
        samples.append(batch[:num_kept].cpu())
        for name in fields:
            fields[name].append(beside[name][:num_kept].cpu())
        if "label" in beside and keep.labels:
            labels.append(beside["label"].cpu())
        num_seen, num_not_finite = num_seen + len(batch), num_not_finite + num_bad
    return SampleSet(
        num_seen,
        {name: collector.result() for name, collector in collectors.items()},
        torch.cat(samples) if keep.num_samples else None,
        torch.cat(labels) if labels else None,
        num_not_finite=num_not_finite,
        fields={name: torch.cat(rows) for name, rows in fields.items() if rows},
    )


def counted(batches: Iterable[Batch], count: Callable[[int], object]) -> Iterator[Batch]:
    """Yield batches in steps of `STEP` samples, and count each when it is done, for a bar that moves."""
    for samples, beside in batches:
        for start in range(0, len(samples), STEP):
            rows = slice(start, start + STEP)
            yield samples[rows], {name: values[rows] for name, values in beside.items()}
            count(len(samples[rows]))


def take(batches: Iterable[Tensor], num: int) -> Iterator[Tensor]:
    """Yield batches in float32 until ``num`` samples have come, the last one cut.

    Raises:
        GanworksError: the batches end before.
    """
    missing = num
    for batch in batches:
        yield batch[:missing].detach().float()
        missing -= min(missing, len(batch))
        if not missing:
            return
    raise GanworksError(f"The generator drew {num - missing} samples for an evaluation of {num}.")


def with_fields(batches: Iterable[Tensor], fields: Mapping[str, Tensor]) -> Iterator[Batch]:
    """Yield each batch with its part of the fields (N, ...)."""
    start = 0
    for batch in batches:
        rows = slice(start, start + len(batch))
        yield batch, {name: values[rows] for name, values in fields.items()}
        start += len(batch)
