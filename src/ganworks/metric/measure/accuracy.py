"""What fakes are worth to a classifier of images, alone and beside the reals that the generator was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from ganworks.augment.classic import classic
from ganworks.errors import SettingError, check_count, check_range
from ganworks.metric.distance.classifier_accuracy import Draw, Predict, accuracy, fit_classifier, mixed
from ganworks.metric.extractor.small_classifier import SmallClassifier
from ganworks.metric.extractor.train_digits_classifier import BATCH_SIZE
from ganworks.metric.measure.base import Measure
from ganworks.metric.reference import ReferenceData
from ganworks.metric.sample_set import SampleSet
from ganworks.sample.kind import kind_of


@dataclass(frozen=True)
class ImageAccuracy(Measure):
    """Accuracy on reals of a small convolutional network that learned from the fakes, with classic augmentation.

    The classification accuracy score of Ravuri and Vinyals 2019 (`classifier_accuracy`), for images of any size. With
    ``mix`` there is a second figure, ``<name>_mixed``: learned from the reals that the generator was trained on, with
    that share of fakes in each batch, tested on those that the data hold out. What the reals reach alone is the floor
    of both. `python -m ganworks.augmentation` measures the same over seeds, with its control.

    Args:
        num_updates: of each training.
        mix: share of a batch that is fake; None leaves that figure out.
        name: of the figures.
    """

    num_updates: int = 300
    mix: float | None = None
    name: str = "classifier_accuracy"

    needs = frozenset({"samples", "labels"})

    def __post_init__(self) -> None:
        check_count("num_updates", self.num_updates)
        if self.mix is not None:
            check_range("mix", self.mix, 0.01, 0.99)

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "max"} | ({} if self.mix is None else {f"{self.name}_mixed": "max"})

    def check_data(self, data: ReferenceData) -> None:
        """Raise `SettingError` unless the samples are images, some of which are held out where fakes are mixed in."""
        if not kind_of(data.shape).is_image:
            raise SettingError(
                "measure.classifier_accuracy", "ImageAccuracy", "left out: no images are measured"
            )
        if self.mix is not None and not getattr(data, "has_own_reference", False):
            allowed = "null: these data hold no images out to test on"
            raise SettingError("measure.classifier_accuracy.mix", self.mix, allowed)

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        reals, fakes = labelled(real), labelled(fake)
        found = {self.name: accuracy(self.fit(augmented(*fakes), reals), *reals)}
        if self.mix is not None:
            draw = mixed(augmented(*training_of(real)), augmented(*fakes), self.mix)
            found[f"{self.name}_mixed"] = accuracy(self.fit(draw, reals), *reals)
        return found

    def fit(self, draw: Draw, reals: tuple[Tensor, Tensor]) -> Predict:
        """Return the classifier that learned from ``draw``, sized to the ``reals`` and their classes."""
        images, labels = reals
        network = SmallClassifier(images.shape[1:], int(labels.max()) + 1)
        return fit_classifier(network, draw, self.num_updates)

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "classifier": "small CNN"}


def augmented(images: Tensor, labels: Tensor) -> Draw:
    """Return classically augmented batches of images (N, C, H, W) with their labels (N,)."""

    def draw(rng: Generator) -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(images), (BATCH_SIZE,), generator=rng)
        return classic(images[rows], rng), labels[rows]

    return draw


def labelled(side: SampleSet) -> tuple[Tensor, Tensor]:
    """Return the images of a side and their labels."""
    assert side.samples is not None
    assert side.labels is not None
    return side.samples, side.labels


def training_of(real: SampleSet) -> tuple[Tensor, Tensor]:
    """Return the images that the generator was trained on, and their labels."""
    data: Any = real.data
    batches = list(data.training_data().reference_batches())
    return torch.cat([batch["real"] for batch in batches]), torch.cat([batch["label"] for batch in batches])
