"""Three digits, one in each channel: a thousand modes that a classifier counts; nothing to download."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganworks.data.base import ImageDataModule
from ganworks.data.digits import NUM_DIGITS, digits_half
from ganworks.errors import SettingError, check_count
from ganworks.noise import keyed_rng

NUM_CHANNELS, SIDE = 3, 8
NUM_REFERENCE = 26_000  # as many as Stacked-MNIST's tests have


class Stacks:
    """Stacks that are put together whenever they are read.

    Args:
        digits: (M, 1, 8, 8).
        labels: (M,) of the digits.
        rows: (N, 3) which digit stands in each channel of a stack.
    """

    def __init__(self, digits: Tensor, labels: Tensor, rows: Tensor) -> None:
        self.digits, self.rows = digits.squeeze(1), rows
        self.labels: Tensor | None = labels[rows] @ torch.tensor([100, 10, 1])

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, indices: Tensor) -> Tensor:
        """Return the stacks at ``indices`` (B,): float32 (B, 3, 8, 8) in [-1, 1]."""
        return self.digits[self.rows[indices]]


class StackedDigits(ImageDataModule):
    """Random digits of scikit-learn stacked as channels: 3 x 8 x 8, the label 100 a + 10 b + c of the digits a, b, c.

    The protocol of Stacked-MNIST (Metz et al. 2016, arXiv:1611.02163, section 3.3; Lin et al. 2018, arXiv:1712.04086,
    section 4.2) on other digits: figures of the two must not stand in one table. Training stacks are made of the half
    of the digits that the shipped classifier was trained on, the 26,000 of the reference of the other half. The digits
    of a stack are drawn independently, those of the training by ``seed``, those of the reference always the same.

    Args:
        num_samples: stacks of the training set.
        resolution, channels: 8 and 3.
        batch_size, shape, num_classes, seed, horizontal_flip, min_batches: see `ImageDataModule`.

    Raises:
        SettingError: another size, or a count that is not one.

    >>> data = StackedDigits(num_samples=1000)
    >>> data.shape, data.num_classes, len(data.samples), len(data.reference)
    ((3, 8, 8), 1000, 1000, 26000)
    """

    name = "stacked_digits"
    known_classes = NUM_DIGITS**NUM_CHANNELS

    def __init__(
        self,
        batch_size: int = 64,
        resolution: int = SIDE,
        channels: int = NUM_CHANNELS,
        num_samples: int = 128_000,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        seed: int = 0,
        horizontal_flip: bool = False,
        min_batches: int = 1,
    ) -> None:
        super().__init__(
            batch_size, resolution, channels, shape, num_classes, seed, horizontal_flip, min_batches
        )
        for name, value, allowed in (("resolution", resolution, SIDE), ("channels", channels, NUM_CHANNELS)):
            if value != allowed:
                raise SettingError(name, value, f"{allowed} for stacked digits")
        self.num_samples = check_count("num_samples", num_samples)

    def load(self) -> Stacks:
        """Draw the stacks of the training."""
        return self._stacks(True, self.num_samples, keyed_rng(self.seed, "stacked_digits"))

    def load_reference(self) -> Stacks:
        """Draw the stacks of digits that the training does not have."""
        return self._stacks(False, NUM_REFERENCE, keyed_rng("stacked_digits", "reference"))

    def _stacks(self, train: bool, num: int, rng: torch.Generator) -> Stacks:
        digits, labels = digits_half(train)
        return Stacks(digits, labels, torch.randint(len(digits), (num, NUM_CHANNELS), generator=rng))
