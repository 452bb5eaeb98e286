"""The classifier of clothes: a small CNN whose 64 penultimate features carry `fd_fashion` and its companions.

It was trained on the 10,000 test images of Fashion-MNIST, so that all 60,000 training images, which a generator learns
from and is measured against, are unseen to it. Its weights ship beside this file;
``python -m ganworks.metric.extractor.train_fashion_classifier`` makes them again.
"""

from __future__ import annotations

from pathlib import Path

from ganworks.metric.extractor.shipped import ShippedClassifier
from ganworks.metric.extractor.small_classifier import SmallClassifier

FASHION_SHAPE = (1, 32, 32)
NUM_CLASSES = 10
WIDTH = 16
WEIGHTS = Path(__file__).with_name("fashion_classifier.safetensors")
WEIGHTS_SHA256 = "8eae17b5ab2b14df5e9015c7eadb52c889ac6be255968533b7e2e7c20da303c3"


class FashionClassifier(SmallClassifier):
    """`SmallClassifier` for clothes of 1 x 32 x 32: five convolutions and 64 features.

    >>> sum(parameter.numel() for parameter in FashionClassifier().parameters())
    41738
    """

    num_features = 64

    def __init__(self) -> None:
        super().__init__(FASHION_SHAPE, NUM_CLASSES, WIDTH)


class FashionExtractor(ShippedClassifier):
    """The shipped classifier's 64 features and 10 logits of images (B, 1, 32, 32) in [-1, 1]."""

    title, metric = "ganworks fashion classifier", "fashion"
    shape, weights, sha256 = FASHION_SHAPE, WEIGHTS, WEIGHTS_SHA256
    num_features = FashionClassifier.num_features
    is_cheap = False  # 60,000 reals take a quarter of a minute: once for all runs

    @classmethod
    def new(cls) -> FashionClassifier:
        return FashionClassifier()
