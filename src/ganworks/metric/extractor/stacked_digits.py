"""The digits classifier on each channel of a stack of three digits."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ganworks.errors import SettingError
from ganworks.metric.extractor.base import Features
from ganworks.metric.extractor.digits import DigitsExtractor

NUM_STACKED = 3


class StackedDigitsExtractor(DigitsExtractor):
    """The shipped classifier's 64 features of each channel, side by side: (B, 192) of images (B, 3, 8, 8) in [-1, 1].

    It gives no logits: it is `StackedModes` that reads a class out of the three parts.
    """

    metric = "stacked_digits"
    has_logits = False
    num_features = NUM_STACKED * DigitsExtractor.num_features

    @property
    def contract(self) -> dict[str, str | int | float | bool]:
        return {**super().contract, "extractor": f"{self.title} on each channel"}

    def check_shape(self, shape: Sequence[int]) -> None:
        """Raise `SettingError` unless the samples are stacks of three digits."""
        if tuple(shape) != (NUM_STACKED, *self.shape[1:]):
            allowed = (
                f"another one; it reads stacks of three digits (data=stacked_digits), not {tuple(shape)}"
            )
            raise SettingError("metric", self.metric, allowed)

    def __call__(self, samples: Tensor) -> Features:
        parts = super().__call__(samples.reshape(-1, *self.shape)).features
        return Features(parts.view(len(samples), self.num_features))

    def trained_on(self, samples: Tensor) -> Tensor:
        """Return (N,) bool: the stacks with a digit that the classifier was trained on."""
        digits = super().trained_on(samples.reshape(-1, *self.shape))
        return digits.view(len(samples), NUM_STACKED).any(dim=1)
