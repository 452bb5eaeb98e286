"""The digits classifier: a small CNN whose 64 penultimate features carry `fd_digits` and its companions.

It was trained on half of scikit-learn's bundled digits (`digits_half`), so that the other half can stand for
unseen real images. Its weights ship beside this file; ``python -m ganworks.metric.extractor.train_digits_classifier``
makes them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from ganworks.data.digits import NUM_DIGITS, digits_half, digits_images
from ganworks.errors import SettingError
from ganworks.metric.distance.pairwise import nearest
from ganworks.metric.extractor.base import Extractor, Features
from ganworks.metric.extractor.small_classifier import SmallClassifier
from ganworks.metric.weights import verify_sha256

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
    verify_sha256(path, sha256, remedy="reinstall ganworks, or evaluate with metric=none")
    classifier = DigitsClassifier()
    classifier.load_state_dict(load_file(path))
    return classifier.eval().requires_grad_(False)


class DigitsExtractor(Extractor):
    """The shipped classifier's 64 features and 10 logits of images (B, 1, 8, 8) in [-1, 1]."""

    has_logits = True
    is_cheap = True
    num_features = DigitsClassifier.num_features

    @property
    def contract(self) -> dict[str, str | int | float | bool]:
        return {
            "extractor": "ganworks digits classifier",
            "weights_sha256": WEIGHTS_SHA256,
            "resizer": "none",
        }

    def check(self) -> None:
        """Raise `GanworksError` unless the shipped weights are there and unchanged."""
        load_digits_classifier()

    def check_shape(self, shape: Sequence[int]) -> None:
        """Raise `SettingError` unless the samples are images of 1 x 8 x 8."""
        if tuple(shape) != DIGITS_SHAPE:
            allowed = f"fid (images), mixture (ring, grid) or none for samples of {tuple(shape)}"
            raise SettingError(
                "metric", "digits", f"{allowed}; digits measures images of {DIGITS_SHAPE} only"
            )

    def load(self) -> None:
        self.classifier = load_digits_classifier()

    def __call__(self, samples: Tensor) -> Features:
        features = torch.cat([self.classifier.features(part) for part in samples.cpu().split(256)])
        return Features(features, self.classifier.output(features))

    def trained_on(self, samples: Tensor) -> Tensor:
        """Return (N,) bool: the digits of the half that the classifier was trained on."""
        return nearest(samples.flatten(1), digits_half(train=True)[0].flatten(1))[0] < 1e-6
