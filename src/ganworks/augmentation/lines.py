"""The lines of the table: what the classifier of each learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from ganworks.augment.classic import classic
from ganworks.metric.distance.classifier_accuracy import Draw, mixed

BATCH_SIZE = 64
NONE, CLASSIC, CONTROL = "no augmentation", "classic", "classic + reals again (control)"
GAN, BOTH = "GAN", "classic + GAN"
LINES = (NONE, CLASSIC, GAN, CONTROL, BOTH)


@dataclass(frozen=True)
class Labelled:
    """Images with their classes.

    Args:
        images: (N, C, H, W) in [-1, 1].
        labels: int64 (N,).
    """

    images: Tensor
    labels: Tensor

    def of(self, labels: Sequence[int]) -> Labelled:
        """Return those of some classes."""
        chosen = torch.isin(self.labels, torch.tensor(list(labels), dtype=self.labels.dtype))
        return Labelled(self.images[chosen], self.labels[chosen])


def as_they_are(data: Labelled, batch_size: int = BATCH_SIZE) -> Draw:
    """Return batches in which every image is equally likely."""

    def draw(rng: Generator) -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(data.labels), (batch_size,), generator=rng)
        return data.images[rows], data.labels[rows]

    return draw


def balanced(data: Labelled, batch_size: int = BATCH_SIZE) -> Draw:
    """Return batches in which every class that there is, is equally likely, and every image of a class."""
    rows_of = [(data.labels == label).nonzero().flatten() for label in data.labels.unique()]
    counts = torch.tensor([len(rows) for rows in rows_of])
    rows, starts = torch.cat(rows_of), counts.cumsum(0) - counts

    def draw(rng: Generator) -> tuple[Tensor, Tensor]:
        picked = torch.randint(len(counts), (batch_size,), generator=rng)
        places = (torch.rand(batch_size, generator=rng) * counts[picked]).long()
        chosen = rows[starts[picked] + places]
        return data.images[chosen], data.labels[chosen]

    return draw


def moved(draw: Draw) -> Draw:
    """Return the batches of ``draw`` with classic augmentation."""

    def draw_moved(rng: Generator) -> tuple[Tensor, Tensor]:
        images, labels = draw(rng)
        return classic(images, rng), labels

    return draw_moved


def lines(real: Labelled, fake: Labelled | None, small: Sequence[int], ratio: float) -> Mapping[str, Draw]:
    """Return the batches of each line; without fakes those that need none.

    Args:
        real: the labelled images.
        fake: what was drawn of the classes ``small`` and passed the filter.
        small: the classes that get more weight: the share ``ratio`` of each batch. The control gives it to the reals.
    """
    every = balanced(real)
    found = {
        NONE: as_they_are(real),
        CLASSIC: moved(every),
        CONTROL: moved(mixed(every, balanced(real.of(small)), ratio)),
    }
    if fake is not None:
        found |= {
            GAN: mixed(every, balanced(fake), ratio),
            BOTH: moved(mixed(every, balanced(fake), ratio)),
        }
    return found
