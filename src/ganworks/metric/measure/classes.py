"""The measures that know classes: by a classifier's word, or by the label that the generator was given."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Generator, Tensor

from ganworks.errors import check_count
from ganworks.metric.distance.classifier_accuracy import (
    NUM_UPDATES,
    Fit,
    Predict,
    accuracy,
    fit_digits_classifier,
    fit_linear_probe,
    transfer_accuracy,
)
from ganworks.metric.distance.histogram import reverse_kl, shares
from ganworks.metric.distance.inception_score import NUM_SPLITS, inception_score
from ganworks.metric.distance.intra_distance import intra_distance
from ganworks.metric.extractor.digits import DigitsExtractor
from ganworks.metric.measure.base import Measure
from ganworks.metric.reference import ReferenceData
from ganworks.metric.sample_set import SampleSet

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InceptionScore(Measure):
    """Inception score of the fakes (Salimans et al. 2016), mean over splits: `inception_score`.

    Args:
        extractor: the classifier; with another than Inception's 1008 logits the figure needs another name.
        num_splits: 10 in the literature.
        name: of the figure; its deviation over the splits is noted as well.
    """

    extractor: str
    num_splits: int = NUM_SPLITS
    name: str = "inception_score"

    needs = frozenset({"logits"})

    def __post_init__(self) -> None:
        check_count("num_splits", self.num_splits)

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "max"}

    @property
    def min_samples(self) -> int:
        return max(2, self.num_splits)

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        logits = fake[self.extractor].logits
        assert logits is not None
        mean, deviation = inception_score(logits, self.num_splits)
        return {self.name: mean, f"{self.name}_deviation": deviation}


@dataclass(frozen=True)
class ClassDivergence(Measure):
    """KL(fake || real) in nats of the shares of the classes, by a classifier's word: `histogram`.

    A class without any real counts as half a real, so that the figure stays finite.

    Args:
        extractor: the classifier.
        name: of the figure.
    """

    extractor: str
    name: str = "class_kl"

    needs = frozenset({"logits"})

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        first, second = real[self.extractor].logits, fake[self.extractor].logits
        assert first is not None
        assert second is not None
        expected, found = (shares(logits.argmax(1), logits.shape[1]) for logits in (first, second))
        return {self.name: reverse_kl(found, expected.clamp(min=0.5 / len(first)))}


@dataclass(frozen=True)
class Recognised(Measure):
    """The share of the fakes that a classifier takes for the class that they were drawn for.

    Needs a conditional generator. Its floor is the share of real samples that the classifier gets right.

    Args:
        extractor: the classifier, whose classes are those of the data.
        name: of the figure.
    """

    extractor: str
    name: str = "recognised"

    needs = frozenset({"logits", "labels"})

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "max"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        logits, labels = fake[self.extractor].logits, fake.labels
        assert logits is not None
        assert labels is not None
        return {self.name: (logits.argmax(1) == labels[: len(logits)]).double().mean().item()}


@dataclass(frozen=True)
class IntraFrechetDistance(Measure):
    """Mean over the classes of the Frechet distance within each (Miyato and Koyama 2018): `intra_distance`.

    Needs a conditional generator. A class with too few images on either side makes the figure NaN, and the notes
    say which one and why: it must not drop out of the mean.

    Args:
        extractor: whose features it reads.
        name: of the figure; intra FID on Inception's 2048 features alone.
        at_least: images that a class needs on either side.
    """

    extractor: str
    name: str = "intra_fid"
    at_least: int = 2

    needs = frozenset({"features", "labels"})

    def __post_init__(self) -> None:
        check_count("at_least", self.at_least, at_least=2)

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        (first, first_labels), (second, second_labels) = (
            _labelled(side, self.extractor) for side in (real, fake)
        )
        num_classes = int(max(first_labels.max(), second_labels.max())) + 1
        found = intra_distance(first, first_labels, second, second_labels, num_classes, self.at_least)
        by_class = {str(label): distance for label, distance in enumerate(found.distances.tolist())}
        notes: dict[str, Any] = {f"{self.name}_by_class": by_class}
        if found.lacking:
            log.warning("%s is not defined: %s.", self.name, found.lacking)
            notes[f"{self.name}_lacking"] = found.lacking
        return {self.name: found.mean, **notes}


@dataclass(frozen=True)
class ClassifierAccuracy(Measure):
    """Accuracy of a classifier across the two sets, both ways: `classifier_accuracy`.

    ``<name>``: trained on the fakes, tested on the reals (classification accuracy score; Ravuri and Vinyals
    2019). ``<name>_reverse``: trained on the reals, tested on the fakes (GAN-test; Shmelkov et al. 2018). The
    reals are those that the generator was trained on; the floor is trained on one half of them and tested on the
    other.
    """

    name: str = "classifier_accuracy"

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "max", f"{self.name}_reverse": "max"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        reals, fakes = self.labelled(real), self.labelled(fake)
        return {
            self.name: transfer_accuracy(fakes, reals, self.fit),
            f"{self.name}_reverse": accuracy(self._learned_from(real), *fakes),
        }

    def _learned_from(self, real: SampleSet) -> Predict:
        """Return the classifier of the reals; the reals of a suite stay the same, so it is kept."""
        kept = self.__dict__.get("_kept")
        if kept is None or kept[0] is not real:
            kept = real, self.fit(*self.labelled(real))
            object.__setattr__(self, "_kept", kept)
        return kept[1]

    @property
    @abstractmethod
    def fit(self) -> Fit:
        """How the classifier is trained."""

    @abstractmethod
    def labelled(self, side: SampleSet) -> tuple[Tensor, Tensor]:
        """Return what the classifier sees of each sample, and the labels (N,)."""


@dataclass(frozen=True, kw_only=True)
class ProbeAccuracy(ClassifierAccuracy):
    """`ClassifierAccuracy` of a logistic regression on an extractor's features.

    Args:
        extractor: whose features it reads.
        num_rows: images of each side, the first ones, that are read; None: all.
    """

    extractor: str
    num_rows: int | None = None

    needs = frozenset({"features", "labels"})

    @property
    def fit(self) -> Fit:
        return fit_linear_probe

    def labelled(self, side: SampleSet) -> tuple[Tensor, Tensor]:
        return _labelled(side, self.extractor, self.num_rows)

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "classifier": "logistic regression on the features"}


@dataclass(frozen=True)
class DigitsAccuracy(ClassifierAccuracy):
    """`ClassifierAccuracy` of the digits classifier's architecture, trained anew each time.

    Args:
        num_updates: of each training.
    """

    num_updates: int = NUM_UPDATES

    needs = frozenset({"samples", "labels"})

    def __post_init__(self) -> None:
        check_count("num_updates", self.num_updates)

    def check_data(self, data: ReferenceData) -> None:
        """Raise `SettingError` unless the samples are images of 1 x 8 x 8."""
        DigitsExtractor().check_shape(data.shape)

    @property
    def fit(self) -> Fit:
        return partial(fit_digits_classifier, num_updates=self.num_updates)

    def labelled(self, side: SampleSet) -> tuple[Tensor, Tensor]:
        assert side.samples is not None
        assert side.labels is not None
        return side.samples, side.labels

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "classifier": "digits CNN"}


def _labelled(side: SampleSet, extractor: str, num: int | None = None) -> tuple[Tensor, Tensor]:
    features = side[extractor].features[:num]
    assert side.labels is not None
    return features, side.labels[: len(features)]
