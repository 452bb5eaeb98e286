"""Figures of a generator of 8x8 digits, through the shipped digits classifier (``metric=digits``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from ganworks.errors import SettingError, check_count, check_range
from ganworks.metric.digits import (
    DIGITS_SHAPE,
    NUM_DIGITS,
    WEIGHTS_SHA256,
    digits_half,
    load_digits_classifier,
)
from ganworks.metric.distances import nearest
from ganworks.metric.frechet import frechet_distance_of_features
from ganworks.metric.histogram import class_ratio, shares
from ganworks.metric.kid import kernel_distance
from ganworks.metric.memorisation import RATIO, memorised_floor, memorised_share
from ganworks.metric.prdc import precision_recall_density_coverage
from ganworks.metric.suite import (
    Contract,
    Evaluation,
    ReferenceData,
    Suite,
    full_precision,
    no_figures,
    num_not_finite,
    take,
)
from ganworks.noise import keyed_rng


@dataclass(frozen=True)
class Measured:
    """Images (N, 1, 8, 8) with their features (N, 64) and the classifier's labels (N,)."""

    images: Tensor
    features: Tensor
    labels: Tensor

    def __getitem__(self, rows: Tensor) -> Measured:
        return Measured(self.images[rows], self.features[rows], self.labels[rows])


class DigitsSuite(Suite):
    """fd_digits, KID, precision, recall, density, coverage, memorised share and class ratio of 8x8 digits.

    ``fd_digits`` is the Frechet distance on the classifier's 64 features; never call it FID. Memorisation is
    looked for in the pixels, everything else in the features. The floor holds the half of the real digits
    that the classifier has not seen against the half that it was trained on; the floor of ``memorised``
    takes all of the reals, one left out at a time.

    Args:
        num_samples: fakes per evaluation; at 100 the floor of fd_digits is 6.5, at 900 .7.
        every_images: real images seen between two evaluations.
        seed: key of the fakes' latents.
        num_neighbours: k of precision, recall, density and coverage.

    Raises:
        SettingError: a count is not a positive integer, num_samples is not above num_neighbours, or (in
            `check_data`) the data are not images of 1 x 8 x 8.
        GanworksError: (in `check`) the shipped weights are missing or changed.
    """

    best = "fd_digits"
    mode = "min"

    def __init__(self, num_samples: int, every_images: int, seed: int, num_neighbours: int) -> None:
        super().__init__(num_samples, every_images, seed)
        self.num_neighbours = check_count("num_neighbours", num_neighbours)
        check_count("num_samples", num_samples, at_least=num_neighbours + 1)

    def check(self) -> None:
        """Raise `GanworksError` unless the shipped weights are there and unchanged."""
        load_digits_classifier()

    def check_data(self, datamodule: ReferenceData) -> None:
        """Raise `SettingError` unless the samples are images of 1 x 8 x 8."""
        if tuple(datamodule.shape) != DIGITS_SHAPE:
            allowed = f"fid (images), mixture (ring, grid) or none for samples of {tuple(datamodule.shape)}"
            raise SettingError(
                "metric", "digits", f"{allowed}; digits measures images of {DIGITS_SHAPE} only"
            )

    @full_precision()
    def prepare(self, datamodule: ReferenceData) -> None:
        """Take all reals and their features; a second's work, so nothing is cached."""
        self.check_data(datamodule)
        self.classifier = load_digits_classifier()
        self.real = self._measure(torch.cat([batch["real"] for batch in datamodule.reference_batches()]))
        check_range("num_neighbours", self.num_neighbours, 1, len(self.real.images) // 2 - 1)
        self.contract: Contract = {
            "extractor": "ganworks digits classifier",
            "weights_sha256": WEIGHTS_SHA256,
            "resize": "none",
            "split": f"{datamodule.name} {datamodule.fingerprint}",
            "num_real": len(self.real.images),
            "num_fake": self.num_samples,
            "seed": self.seed,
            "num_neighbours": self.num_neighbours,
            "memorisation_ratio": RATIO,
        }
        self.floor = self._floor()

    @full_precision()
    def evaluate(self, fakes: Iterable[Tensor]) -> Evaluation:
        """Return the figures of fakes (B, 1, 8, 8) in [-1, 1] against all reals."""
        images = torch.cat([batch.cpu() for batch in take(fakes, self.num_samples)])
        if num_bad := num_not_finite(images):
            return no_figures(self.floor, self.contract, self.floor, num_bad)
        fake = self._measure(images)
        histogram = shares(fake.labels, NUM_DIGITS).tolist()
        notes: dict[str, object] = {
            "class_histogram": {str(digit): share for digit, share in enumerate(histogram)}
        }
        return Evaluation(self._figures(self.real, fake), self.contract, self.floor, notes)

    def _measure(self, images: Tensor) -> Measured:
        features = torch.cat([self.classifier.features(part) for part in images.split(256)])
        return Measured(images, features, self.classifier.output(features).argmax(1))

    def _figures(self, real: Measured, fake: Measured) -> dict[str, float]:
        balls = precision_recall_density_coverage(real.features, fake.features, self.num_neighbours)
        return {
            "fd_digits": frechet_distance_of_features(real.features, fake.features),
            "kid": kernel_distance(real.features, fake.features),
            **asdict(balls),
            "memorised": memorised_share(real.images.flatten(1), fake.images.flatten(1)),
            "class_ratio": class_ratio(real.labels, fake.labels, NUM_DIGITS),
        }

    def _floor(self) -> dict[str, float]:
        seen = self._seen_by_classifier()
        floor = self._figures(self.real[seen], self.real[~seen])
        return floor | {"memorised": memorised_floor(self.real.images.flatten(1))}

    def _seen_by_classifier(self) -> Tensor:
        """Return (N,) which reals the classifier was trained on; for data other than digits any half."""
        trained_on = digits_half(train=True)[0].flatten(1)
        seen = nearest(self.real.images.flatten(1), trained_on)[0] < 1e-6
        if 0.25 < seen.double().mean() < 0.75:
            return seen
        order = torch.randperm(len(seen), generator=keyed_rng("digits suite", "floor"))
        return order < len(seen) // 2
