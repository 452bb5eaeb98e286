"""One pass over samples: every extractor sees each batch once, and what the measures asked for is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganworks.errors import GanworksError
from ganworks.metric.extractor import Extractor
from ganworks.metric.measure import Measure
from ganworks.metric.moments import Moments
from ganworks.metric.sample_set import FeatureSet, SampleSet

Batch = tuple[Tensor, Tensor | None]  # samples (B, *shape) and labels (B,)


@dataclass(frozen=True)
class Keep:
    """What a pass keeps.

    Args:
        moments: of each extractor that is named here, all samples' moments.
        num_features: of each extractor, how many features and logits, the first ones.
        num_samples: how many samples, the first ones.
    """

    moments: frozenset[str]
    num_features: Mapping[str, int]
    num_samples: int

    @classmethod
    def for_measures(cls, measures: Sequence[Measure], num: int, everything: bool = False) -> Keep:
        """Return what ``measures`` need of ``num`` samples, or, in addition, all features and samples."""
        num_features: dict[str, int] = {}
        num_samples, moments = num if everything else 0, set()
        for measure in measures:
            rows = num if everything or measure.num_rows is None else min(num, measure.num_rows)
            reads_rows = everything or bool(measure.needs & {"features", "logits"})
            for name in measure.extractors:
                num_features[name] = max(num_features.get(name, 0), rows if reads_rows else 0)
                if "moments" in measure.needs:
                    moments.add(name)
            if "samples" in measure.needs:
                num_samples = max(num_samples, rows)
        return cls(frozenset(moments), num_features, num_samples)


class FeatureCollector:
    """Features of one extractor, batch by batch.

    Fewer samples than dimensions are all kept: their covariance is singular, and the samples are a smaller root
    of it than any (D, D) matrix.

    Args:
        num: how many samples will come.
        num_kept: how many features and logits to keep.
        moments: whether the moments of all samples are needed.
    """

    def __init__(self, num: int, num_kept: int, moments: bool) -> None:
        self.num, self.num_kept, self.needs_moments = num, num_kept, moments
        self.num_seen = 0
        self.moments: Moments | None = None
        self.features: list[Tensor] = []
        self.logits: list[Tensor] = []

    def add(self, features: Tensor, logits: Tensor | None) -> None:
        """Take the features (B, D) and logits (B, K) of the next samples."""
        if self.needs_moments and self.num < features.shape[1]:
            self.num_kept = self.num
        rows = max(0, self.num_kept - self.num_seen)
        self.features.append(features[:rows])
        if logits is not None:
            self.logits.append(logits[:rows])
        if self.needs_moments and self.num_kept < self.num:
            moments = Moments.of(features)
            self.moments = moments if self.moments is None else self.moments + moments
        self.num_seen += len(features)

    def result(self) -> FeatureSet:
        """Return what was kept of all samples."""
        logits = torch.cat(self.logits) if self.logits else None
        return FeatureSet(self.num_seen, torch.cat(self.features), logits, self.moments)


def collect(batches: Iterable[Batch], num: int, extractors: Mapping[str, Extractor], keep: Keep) -> SampleSet:
    """Return the set of ``num`` samples that come in ``batches``."""
    collectors = {
        name: FeatureCollector(num, keep.num_features[name], name in keep.moments)
        for name in keep.num_features
    }
    samples: list[Tensor] = []
    labels: list[Tensor] = []
    num_seen = 0
    for batch, label in batches:
        for name, collector in collectors.items():
            found = extractors[name](batch)
            collector.add(found.features, found.logits)
        if num_seen < keep.num_samples:
            samples.append(batch[: keep.num_samples - num_seen].cpu())
        if label is not None:
            labels.append(label.cpu())
        num_seen += len(batch)
    return SampleSet(
        num_seen,
        {name: collector.result() for name, collector in collectors.items()},
        torch.cat(samples) if samples else None,
        torch.cat(labels) if labels else None,
    )


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


def with_labels(batches: Iterable[Tensor], labels: Tensor | None) -> Iterator[Batch]:
    """Yield each batch with its part of the labels (N,)."""
    start = 0
    for batch in batches:
        yield batch, None if labels is None else labels[start : start + len(batch)]
        start += len(batch)


class FiniteSamples:
    """Batches, of which those with values that are not finite are counted and passed on as zeros."""

    def __init__(self, batches: Iterable[Tensor]) -> None:
        self.batches, self.num_bad = batches, 0

    def __iter__(self) -> Iterator[Tensor]:
        for batch in self.batches:
            num_bad = int((~batch.flatten(1).isfinite().all(1)).sum())
            self.num_bad += num_bad
            yield batch.nan_to_num(0.0, 0.0, 0.0) if num_bad else batch
