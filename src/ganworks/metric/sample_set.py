"""A set of samples as the measures see it: the samples, and what each extractor makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganworks.metric.distance.frechet import covariance_root, mean_and_root
from ganworks.metric.distance.moments import Moments, total
from ganworks.metric.reference import ReferenceData

if TYPE_CHECKING:
    from ganworks.sample.sampler import Sampler


BLOCK = 5000  # features that are turned to float64 at a time


@dataclass(frozen=True)
class FeatureSet:
    """The features of N samples through one extractor.

    Args:
        num: N.
        features: (K, D) float32 of the first K samples, in their order; K is N unless every measure asked for
            less (`Measure.num_rows`).
        logits: (K, C) of the same samples; None where the extractor gives none.
        moments: of all N; None where all features are kept and they follow from those.
    """

    num: int
    features: Tensor
    logits: Tensor | None = None
    moments: Moments | None = None

    @cached_property
    def mean(self) -> Tensor:
        """Mean (D,) of all N features, float64."""
        if self.moments is not None:
            return self.moments.mean
        return torch.stack([part.double().sum(0) for part in self.features.split(BLOCK)]).sum(0) / self.num

    @cached_property
    def covariance(self) -> Tensor:
        """Covariance (D, D) of all N features, float64, N - 1 in the denominator."""
        return self._all_moments.covariance

    @cached_property
    def root(self) -> Tensor:
        """R (min(N, D), D), float64, with R^T R the covariance, computed once: `frechet`."""
        if self.moments is None and self.num < self.features.shape[1]:
            return mean_and_root(self.features)[1]
        return covariance_root(self.covariance)

    @cached_property
    def _all_moments(self) -> Moments:
        if self.moments is not None:
            return self.moments
        return total([Moments.of(part) for part in self.features.split(BLOCK)])

    def __getitem__(self, rows: Tensor) -> FeatureSet:
        """Return the samples at ``rows``, indices or bool (N,), of a set whose features are all kept."""
        assert len(self.features) == self.num
        features = self.features[rows]
        return FeatureSet(len(features), features, None if self.logits is None else self.logits[rows])


@dataclass(frozen=True)
class SampleSet:
    """N real or fake samples, measured by all extractors in one pass.

    ``real["inception"].features`` are the features of the extractor of that name.

    Args:
        num: N.
        feature_sets: of each extractor that a measure reads, by name.
        samples: (K, *shape) float32 on the CPU, the first K; None unless a measure needs "samples".
        labels: int64 (N,): the data's, or those that the generator was given; None where there are none.
        sampler: the generator that the fakes come from; None for reals and for folders of images.
        truncation: bound of the fakes' latents; None does not truncate.
        num_not_finite: how many of the samples hold a NaN or an infinity; the extractors saw zeros instead.
        data: the data module of the reals, for what is known about them, such as a mixture's means; None for
            fakes.
        fields: (K, ...) each, what belongs to the samples above by the names that measures ask for (`Measure.fields`):
            of the same rows of the data for reals, of what each sample was made from for fakes.
    """

    num: int
    feature_sets: Mapping[str, FeatureSet] = field(default_factory=dict)
    samples: Tensor | None = None
    labels: Tensor | None = None
    sampler: Sampler | None = None
    truncation: float | None = None
    num_not_finite: int = 0
    data: ReferenceData | None = None
    fields: Mapping[str, Tensor] = field(default_factory=dict)

    def __getitem__(self, extractor: str) -> FeatureSet:
        return self.feature_sets[extractor]

    def at(self, rows: Tensor) -> SampleSet:
        """Return the samples at ``rows``, indices or bool (N,), of a set of which all is kept."""
        sets = {name: features[rows] for name, features in self.feature_sets.items()}
        return replace(
            self,
            num=len(torch.arange(self.num)[rows]),
            feature_sets=sets,
            samples=None if self.samples is None else self.samples[rows],
            labels=None if self.labels is None else self.labels[rows],
            fields={name: values[rows] for name, values in self.fields.items()},
        )


def joined(parts: Sequence[SampleSet]) -> SampleSet:
    """Return the union of sets that follow each other, such as the shares of several devices."""
    names = parts[0].feature_sets
    return replace(
        parts[0],
        num=sum(part.num for part in parts),
        feature_sets={name: _joined_features([part[name] for part in parts]) for name in names},
        samples=_cat([part.samples for part in parts]),
        labels=_cat([part.labels for part in parts]),
        num_not_finite=sum(part.num_not_finite for part in parts),
        fields={
            name: torch.cat([p.fields[name] for p in parts if name in p.fields]) for name in parts[0].fields
        },
    )


def _joined_features(parts: Sequence[FeatureSet]) -> FeatureSet:
    features, logits = _cat([part.features for part in parts]), _cat([part.logits for part in parts])
    moments = [part.moments for part in parts if part.moments is not None]
    assert features is not None
    return FeatureSet(sum(part.num for part in parts), features, logits, total(moments) if moments else None)


def _cat(tensors: Sequence[Tensor | None]) -> Tensor | None:
    there = [tensor for tensor in tensors if tensor is not None]
    return torch.cat(there) if there else None
