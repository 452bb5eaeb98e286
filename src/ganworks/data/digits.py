"""The handwritten digits that come with scikit-learn: nothing to download."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ganworks.data.base import ImageDataModule
from ganworks.data.decode import resize, with_channels
from ganworks.data.samples import TensorSamples


class Digits(ImageDataModule):
    """All 1,797 digits of scikit-learn, 8x8 gray values 0..16 as x / 8 - 1, labels 0..9.

    Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
    Arguments: see `ImageDataModule`.

    >>> digits = Digits()
    >>> digits.shape, digits.num_classes, len(digits.samples)
    ((1, 8, 8), 10, 1797)
    """

    name = "digits"
    known_classes = 10

    def __init__(
        self,
        batch_size: int = 64,
        resolution: int = 8,
        channels: int = 1,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        seed: int = 0,
        horizontal_flip: bool = False,
        min_batches: int = 1,
    ) -> None:
        super().__init__(
            batch_size, resolution, channels, shape, num_classes, seed, horizontal_flip, min_batches
        )

    def load(self) -> TensorSamples:
        """Read the digits; another resolution is made by antialiased bicubic interpolation."""
        from sklearn.datasets import load_digits  # half a second that other data sets do not need

        digits = load_digits()
        images = torch.from_numpy(digits.images).float().div_(8).sub_(1).unsqueeze(1)
        images = with_channels(resize(images, self.resolution), self.channels)
        return TensorSamples(images, torch.from_numpy(digits.target).long())
