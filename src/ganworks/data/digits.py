"""The handwritten digits that come with scikit-learn: nothing to download."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganworks.data.base import ImageDataModule
from ganworks.data.decode import resize, with_channels
from ganworks.data.samples import Samples, TensorSamples
from ganworks.errors import check_choice
from ganworks.noise import keyed_rng

NUM_DIGITS = 10
ALL, TRAIN = "all", "train"


class Digits(ImageDataModule):
    """All 1,797 digits of scikit-learn, 8x8 gray values 0..16 as x / 8 - 1, labels 0..9.

    Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.

    Args:
        split: "all", or "train": the 896 digits of the half that the shipped classifier was trained on; the figures
            are then taken against the other half.
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
        num_train: int | None = None,
    ) -> None:
        super().__init__(
            batch_size,
            resolution,
            channels,
            shape,
            num_classes,
            seed,
            horizontal_flip,
            min_batches,
            num_train,
        )
        self.split = check_choice("split", split, (ALL, TRAIN))

    def load(self) -> TensorSamples:
        """Read the digits; another resolution is made by antialiased bicubic interpolation."""
        return self._read(None if self.split == ALL else halves()[0])

    def load_reference(self) -> Samples | None:
        """Read the half that is held out where the training has the other one."""
        return None if self.split == ALL else self._read(halves()[1])

    def _read(self, rows: Tensor | None) -> TensorSamples:
        images, labels = digits_images()
        if rows is not None:
            images, labels = images[rows], labels[rows]
        return TensorSamples(with_channels(resize(images, self.resolution), self.channels), labels)


def digits_images() -> tuple[Tensor, Tensor]:
    """Return all 1,797 digits (1797, 1, 8, 8) in [-1, 1] (gray value / 8 - 1) and their labels (1797,)."""
    from sklearn.datasets import load_digits  # half a second that other data sets do not need

    digits = load_digits()
    images = torch.from_numpy(digits.images).float().div_(8).sub_(1).unsqueeze(1)
    return images, torch.from_numpy(digits.target).long()


def digits_half(train: bool) -> tuple[Tensor, Tensor]:
    """Return the half of the digits that the shipped classifiers were trained on, or the half that was held out."""
    images, labels = digits_images()
    rows = halves()[0 if train else 1]
    return images[rows], labels[rows]


def halves() -> tuple[Tensor, Tensor]:
    """Return the numbers of the 896 digits that the shipped classifiers were trained on, and of the 901 held out.

    The split is fixed and stratified: in every class a keyed permutation gives its first half to training.
    """
    labels = digits_images()[1]
    train, held_out = [], []
    for digit in range(NUM_DIGITS):
        rows = (labels == digit).nonzero().flatten()
        order = torch.randperm(len(rows), generator=keyed_rng("digits", "half", digit))
        train.append(rows[order[: len(rows) // 2]])
        held_out.append(rows[order[len(rows) // 2 :]])
    return torch.cat(train).sort().values, torch.cat(held_out).sort().values
