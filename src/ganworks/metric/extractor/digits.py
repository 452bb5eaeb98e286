"""The digits classifier: a small CNN whose 64 penultimate features carry `fd_digits` and its companions.

It was trained on half of scikit-learn's bundled digits (`digits_half`), so that the other half can stand for
unseen real images. Its weights ship beside this file; ``python -m ganworks.metric.extractor.train_digits_classifier``
makes them again.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ganworks.data.digits import NUM_DIGITS, digits_half, digits_images
from ganworks.metric.distance.pairwise import nearest
from ganworks.metric.extractor.shipped import ShippedClassifier, load_shipped
from ganworks.metric.extractor.small_classifier import SmallClassifier

DIGITS_SHAPE = (1, 8, 8)
__all__ = ["DigitsClassifier", "DigitsExtractor", "digits_half", "digits_images", "load_digits_classifier"]
WEIGHTS = Path(__file__).with_name("digits_classifier.safetensors")
WEIGHTS_SHA256 = "93d33f0868302e5ac1f338211c8847322e8cc89557cfa7bbc613f403668537fa"


class DigitsClassifier(SmallClassifier):
    """`SmallClassifier` for digits of 1 x 8 x 8: three convolutions and 64 features.

    >>> sum(parameter.numel() for parameter in DigitsClassifier().parameters())
    73162
    """

    num_features = 64

    def __init__(self) -> None:
        super().__init__(DIGITS_SHAPE, NUM_DIGITS)


def load_digits_classifier(path: Path = WEIGHTS, sha256: str = WEIGHTS_SHA256) -> DigitsClassifier:
    """Return the shipped classifier in eval mode.

    Raises:
        GanworksError: the file is missing or its SHA-256 is not ``sha256``.
    """
    return load_shipped(DigitsClassifier(), path, sha256)


class DigitsExtractor(ShippedClassifier):
    """The shipped classifier's 64 features and 10 logits of images (B, 1, 8, 8) in [-1, 1]."""

    title, metric = "ganworks digits classifier", "digits"
    shape, weights, sha256 = DIGITS_SHAPE, WEIGHTS, WEIGHTS_SHA256
    num_features = DigitsClassifier.num_features

    @classmethod
    def new(cls) -> DigitsClassifier:
        return DigitsClassifier()

    def trained_on(self, samples: Tensor) -> Tensor:
        """Return (N,) bool: the digits of the half that the classifier was trained on."""
        return nearest(samples.flatten(1), digits_half(train=True)[0].flatten(1))[0] < 1e-6
