"""Samples of one kind, real or fake, with what an extractor says about them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganworks.noise import keyed_rng
from ganworks.sample.kind import Kind, kind_of


@dataclass(frozen=True)
class Population:
    """Samples of one kind, real or fake, with what an extractor says about them.

    Args:
        samples: images (N, C, H, W) in [-1, 1] or vectors (N, D).
        features: of the metric's extractor, (N, F); None where there is none.
        classes: by the extractor's word, or the data's own, (N,); None where there are none.
        classified_by: words for what the class of a sample is.
    """

    samples: Tensor
    features: Tensor | None = None
    classes: Tensor | None = None
    classified_by: str = "that the metric's classifier sees in a sample"

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, rows: Tensor) -> Population:
        features, classes = (None if part is None else part[rows] for part in (self.features, self.classes))
        return replace(self, samples=self.samples[rows], features=features, classes=classes)

    @property
    def kind(self) -> Kind:
        """The kind of the samples, by their shape."""
        return kind_of(self.samples.shape[1:])

    @property
    def is_images(self) -> bool:
        """Whether the samples are images."""
        return self.kind.is_image

    def finite(self) -> Population:
        """Return those samples that hold neither a NaN nor an infinity."""
        rows = self.samples.flatten(1).isfinite().all(1)
        if self.features is not None:
            rows &= self.features.isfinite().all(1)
        return self if bool(rows.all()) else self[rows]

    def pick(self, num: int, *key: int | str) -> Tensor:
        """Return the rows (num,) of a draw without repeats, keyed; all rows where there are no more."""
        return torch.randperm(len(self), generator=keyed_rng("picture", *key))[:num]
