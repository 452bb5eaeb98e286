"""The handwritten digits that come with scikit-learn: nothing to download."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganworks.data.base import ImageDataModule
from ganworks.data.decode import resize, with_channels
from ganworks.data.samples import Samples, TensorSamples
from ganworks.errors import check_choice

ALL, TRAIN = "all", "train"


def halves():
    from ganworks.metric.extractor.digits import _half_of_class, digits_images
    labels = digits_images()[1]
    return tuple(torch.cat([_half_of_class(labels, d, t) for d in range(10)]).sort().values for t in (True, False))


class Digits(ImageDataModule):
    """All 1,797 digits of scikit-learn, 8x8 gray values 0..16 as x / 8 - 1, labels 0..9.

    Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
    Args:
        split: "all", or "train": the half that the shipped classifier was trained on; figures are then taken against
            the other half.
        others: see `ImageDataModule`.

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
        split: str = ALL,
    ) -> None:
        super().__init__(
            batch_size, resolution, channels, shape, num_classes, seed, horizontal_flip, min_batches
        )
        self.split = check_choice("split", split, (ALL, TRAIN))

    def load(self) -> TensorSamples:
        """Read the digits; another resolution is made by antialiased bicubic interpolation."""
        return self._read(None if self.split == ALL else halves()[0])

    def load_reference(self) -> Samples:
        """Return the held-out half where the training has the other one."""
        return self.samples if self.split == ALL else self._read(halves()[1])

    def _read(self, rows: Tensor | None) -> TensorSamples:
        from sklearn.datasets import load_digits  # half a second that other data sets do not need

        digits = load_digits()
        images = torch.from_numpy(digits.images).float().div_(8).sub_(1).unsqueeze(1)
        images = with_channels(resize(images, self.resolution), self.channels)
        labels = torch.from_numpy(digits.target).long()
        return TensorSamples(images, labels) if rows is None else TensorSamples(images[rows], labels[rows])
