"""Fakes by class, and the filters that decide which of them are worth learning from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ganworks.augmentation.lines import Labelled
from ganworks.errors import GanworksError
from ganworks.metric.distance.classifier_accuracy import Predict
from ganworks.sample.sampler import Sampler

log = logging.getLogger(__name__)

FILTERS = ("classifier", "discriminator", "none")
KEPT = 0.5  # of the fakes of each class, by the discriminator's score
Score = Callable[[Tensor, Tensor], Tensor]
"""From images (B, C, H, W) and their classes (B,) to scores (B,), high where they look real."""


def draw_fakes(sampler: Sampler, labels: Sequence[int], num: int, seed: int) -> Labelled:
    """Return ``num`` fakes of each of the classes ``labels``."""
    wanted = torch.tensor(list(labels)).repeat_interleave(num)
    return Labelled(sampler.sample(len(wanted), seed, label=wanted).cpu(), wanted)


def agreed(fake: Labelled, predict: Predict) -> Labelled:
    """Return the fakes that a classifier which never saw a fake puts into their own class."""
    kept = predict(fake.images) == fake.labels
    return Labelled(fake.images[kept], fake.labels[kept])


def best_scored(fake: Labelled, score: Score, share: float = KEPT) -> Labelled:
    """Return the ``share`` of the fakes of each class that the discriminator takes for real most."""
    scores = torch.cat(
        [score(*part) for part in zip(fake.images.split(256), fake.labels.split(256), strict=True)]
    )
    rows = []
    for label in fake.labels.unique():
        own = (fake.labels == label).nonzero().flatten()
        rows.append(own[scores[own].argsort(descending=True)[: max(1, round(share * len(own)))]])
    chosen = torch.cat(rows)
    return Labelled(fake.images[chosen], fake.labels[chosen])


def check_left(fake: Labelled, labels: Sequence[int], names: Sequence[str]) -> None:
    """Warn of classes of which no fake passed the filter; raise where that is all of them."""
    left = set(fake.labels.unique().tolist())
    gone = [names[label] for label in labels if label not in left]
    if not left:
        raise GanworksError(
            "no fake passes the filter: the GAN draws nothing that is taken for its class. Train it longer"
            " (num_images=), or take the fakes as they are (filter=none)."
        )
    if gone:
        log.warning("no fake of %s passes the filter: the GAN adds nothing there", ", ".join(gone))
