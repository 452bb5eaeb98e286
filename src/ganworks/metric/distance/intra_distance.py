"""Intra-class Frechet distance (intra FID): the distance within each class, averaged over the classes.

Miyato and Koyama 2018, section 4.1 (https://arxiv.org/abs/1802.05637). A fake counts for the class that the
generator was asked for, so a generator that ignores its label, or knows one image a class, is found out where the
plain distance is content.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganworks.metric.distance.frechet import frechet_distance_of_features


@dataclass(frozen=True)
class IntraDistance:
    """The distances by class.

    Args:
        distances: (K,), NaN for a class with fewer than ``at_least`` images on either side.
        num_real, num_fake: images (K,) of each class.
        at_least: images that a class needs on either side.
    """

    distances: Tensor
    num_real: Tensor
    num_fake: Tensor
    at_least: int

    @property
    def mean(self) -> float:
        """The mean over all classes; NaN as soon as one of them can't be measured: it must not drop out."""
        return self.distances.mean().item()

    @property
    def lacking(self) -> str:
        """Which classes could not be measured and why, in words; empty if all were."""
        rows = self.distances.isnan().nonzero().flatten().tolist()
        words = [f"class {row}: {self.num_real[row]} real, {self.num_fake[row]} fake" for row in rows]
        return f"{'; '.join(words)} (at least {self.at_least} of each are needed)" if rows else ""


def intra_distance(
    real: Tensor,
    real_labels: Tensor,
    fake: Tensor,
    fake_labels: Tensor,
    num_classes: int,
    at_least: int = 2,
) -> IntraDistance:
    """Return the Frechet distances by class of features real (N, D) and fake (M, D) with labels (N,) and (M,).

    Args:
        at_least: images that a class needs on either side, from 2 up; Gaussians fitted to fewer than D images
            are flat, and the distance is biased upward by far, on both sides of any comparison.
    """
    num_real, num_fake = (
        torch.bincount(labels.cpu(), minlength=num_classes) for labels in (real_labels, fake_labels)
    )
    distances = torch.full((num_classes,), torch.nan, dtype=torch.float64)
    for label in range(num_classes):
        if min(num_real[label], num_fake[label]) >= max(2, at_least):
            of_class = real[real_labels == label], fake[fake_labels == label]
            distances[label] = frechet_distance_of_features(*of_class)
    return IntraDistance(distances, num_real, num_fake, max(2, at_least))
