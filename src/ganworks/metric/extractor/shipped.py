"""Small classifiers whose weights ship with the package, as extractors of features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ganworks.errors import SettingError
from ganworks.metric.extractor.base import Extractor, Features
from ganworks.metric.extractor.small_classifier import SmallClassifier
from ganworks.metric.weights import verify_sha256

T = TypeVar("T", bound=nn.Module)


def load_shipped(classifier: T, path: Path, sha256: str) -> T:
    """Return ``classifier`` with the weights of a file, in eval mode.

    Raises:
        GanworksError: the file is missing or its SHA-256 is not ``sha256``.
    """
    verify_sha256(path, sha256, remedy="reinstall ganworks, or evaluate with metric=none")
    classifier.load_state_dict(load_file(path))
    return classifier.eval().requires_grad_(False)


class ShippedClassifier(Extractor):
    """The features and the logits of images by a shipped `SmallClassifier`.

    Attributes:
        title: what the contract calls it.
        metric: the option of `metric` that reads it, for errors.
        shape: (C, H, W) of the images.
        weights, sha256: the file and its hash.
    """

    title: ClassVar[str]
    metric: ClassVar[str]
    shape: ClassVar[tuple[int, ...]]
    weights: ClassVar[Path]
    sha256: ClassVar[str]

    has_logits = True
    is_cheap = True

    @classmethod
    def new(cls) -> SmallClassifier:
        """Return the classifier with weights that nobody trained."""
        raise NotImplementedError

    @property
    def contract(self) -> dict[str, str | int | float | bool]:
        return {"extractor": self.title, "weights_sha256": self.sha256, "resizer": "none"}

    def check(self) -> None:
        """Raise `GanworksError` unless the shipped weights are there and unchanged."""
        load_shipped(self.new(), self.weights, self.sha256)

    def check_shape(self, shape: Sequence[int]) -> None:
        """Raise `SettingError` unless the samples have the one shape that it reads."""
        if tuple(shape) != self.shape:
            allowed = f"fid (images), mixture (ring, grid) or none for samples of {tuple(shape)}"
            raise SettingError(
                "metric", self.metric, f"{allowed}; {self.metric} measures images of {self.shape} only"
            )

    def load(self) -> None:
        self.classifier = load_shipped(self.new(), self.weights, self.sha256)

    def __call__(self, samples: Tensor) -> Features:
        features = torch.cat([self.classifier.features(part) for part in samples.cpu().split(256)])
        return Features(features, self.classifier.output(features))
