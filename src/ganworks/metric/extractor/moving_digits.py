"""The classifier of moving digits: a small 3-D CNN whose 64 penultimate features carry `fvd_digits` and its companions.

It was trained on clips (`ganworks.data.moving_digits`) of the half of scikit-learn's digits that the digits classifier
was trained on too, to tell the digit and the velocity; the other half stands for unseen real clips. Its weights ship
beside this file; ``python -m ganworks.metric.extractor.train_moving_digits_classifier`` makes them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganworks.errors import SettingError
from ganworks.metric.extractor.base import Extractor, Features
from ganworks.metric.extractor.shipped import load_shipped

CLIP_SHAPE = (1, 8, 16, 16)
NUM_DIGITS = 10
NUM_VELOCITIES = 16
WEIGHTS = Path(__file__).with_name("moving_digits_classifier.safetensors")
WEIGHTS_SHA256 = "1014608c07a18b8be8297451f06024f2e669023c26c3264548e89b28db8ec28f"


class MovingDigitsClassifier(nn.Module):
    """Three 3-D convolutions with batch norm, a hidden layer, and a head each for digit and velocity.

    >>> sum(parameter.numel() for parameter in MovingDigitsClassifier().parameters())
    202714
    """

    num_features = 64

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(1, 16)
        self.body = nn.ModuleList([_convolution(16, 32), _convolution(32, 64)])
        self.hidden = nn.Linear(64 * 2 * 4 * 4, self.num_features)
        self.digit = nn.Linear(self.num_features, NUM_DIGITS)
        self.velocity = nn.Linear(self.num_features, NUM_VELOCITIES)

    def features(self, clips: Tensor) -> Tensor:
        """Return the features (B, 64), from 0 up, of ``clips`` (B, 1, 8, 16, 16) in [-1, 1]."""
        x = F.max_pool3d(self.stem(clips), (1, 2, 2))
        for block in self.body:
            x = F.max_pool3d(block(x), (2, 2, 2) if x.shape[-1] > 4 else (2, 1, 1))
        return F.relu(self.hidden(x.flatten(1)))

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of the digit (B, 10) and of the velocity (B, 16) of ``clips`` (B, 1, 8, 16, 16)."""
        features = self.features(clips)
        return self.digit(features), self.velocity(features)


def _convolution(num_in: int, num_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(num_in, num_out, 3, padding=1), nn.BatchNorm3d(num_out), nn.ReLU())


def load_moving_digits_classifier(
    path: Path = WEIGHTS, sha256: str = WEIGHTS_SHA256
) -> MovingDigitsClassifier:
    """Return the shipped classifier in eval mode.

    Raises:
        GanworksError: the file is missing or its SHA-256 is not ``sha256``.
    """
    return load_shipped(MovingDigitsClassifier(), path, sha256)


class MovingDigitsExtractor(Extractor):
    """The shipped classifier's 64 features and its logits of the digit, of clips (B, 1, 8, 16, 16) in [-1, 1]."""

    has_logits = True
    is_cheap = True
    num_features = MovingDigitsClassifier.num_features

    @property
    def contract(self) -> dict[str, str | int | float | bool]:
        return {
            "extractor": "ganworks moving digits classifier",
            "weights_sha256": WEIGHTS_SHA256,
            "resizer": "none",
        }

    def check(self) -> None:
        """Raise `GanworksError` unless the shipped weights are there and unchanged."""
        load_moving_digits_classifier()

    def check_shape(self, shape: Sequence[int]) -> None:
        """Raise `SettingError` unless the samples are clips of 1 x 8 x 16 x 16."""
        if tuple(shape) != CLIP_SHAPE:
            allowed = f"fvd (clips of RGB frames) or none for samples of {tuple(shape)}"
            raise SettingError(
                "metric", "moving_digits", f"{allowed}; moving_digits measures clips of {CLIP_SHAPE} only"
            )

    def load(self) -> None:
        self.classifier = load_moving_digits_classifier()

    def __call__(self, samples: Tensor) -> Features:
        features = torch.cat([self.classifier.features(part) for part in samples.cpu().split(128)])
        return Features(features, self.classifier.digit(features))
