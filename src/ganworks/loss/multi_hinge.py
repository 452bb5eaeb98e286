"""The hinge over classes: K classes of real samples, and one of fakes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import relu

from ganworks.errors import SettingError
from ganworks.loss.base import Said, check_rows, per_sample
from ganworks.loss.margin import Hinge


@dataclass(frozen=True)
class MultiHinge(Hinge):
    """Multi-hinge: D minimises [m - C_y(x) + C_not-y(x)]_+ on reals and the same with y = K + 1 on fakes, G that of y.

    Kavalerov et al. 2021 (https://arxiv.org/abs/1912.04216), after the multi-class hinge of Crammer and Singer 2001:
    C_not-y is the largest score of another class, "fake" among them. With one class less the margin between real and
    fake alone is left, and it is `Hinge`, which `discriminator` and `generator` are. `ganworks.regularizer.ClassHead`
    gives the discriminator its class logits.

    Args:
        margin: m, above 0.
    """

    def discriminator_of(self, real: Said, fake: Said) -> Tensor:
        of_real, of_fake = scores_of(real), scores_of(fake)
        return self._hinge(of_real, label_of(real)) + self._hinge(of_fake, is_fake(of_fake))

    def generator_of(self, fake: Said, real: Said | None = None) -> Tensor:
        return self._hinge(scores_of(fake), label_of(fake))

    def _hinge(self, scores: Tensor, label: Tensor) -> Tensor:
        check_rows("loss", "multi_hinge", scores, len(label))
        return relu(self.margin - lead(scores, label)).mean()


def scores_of(said: Said) -> Tensor:
    """Return the scores (B, K + 1) of what a critic said: its class logits, and that of "fake".

    ``logits`` are max_k C_k - C_{K+1}; see `ganworks.regularizer.ClassHead`.
    """
    if "class_logits" not in said:
        allowed = "left out without class logits, which regularizer.class_head gives the discriminator"
        raise SettingError("loss", "multi_hinge", allowed)
    classes = said["class_logits"].to(said["logits"].dtype)
    return torch.cat([classes, (classes.amax(1) - per_sample(said["logits"]))[:, None]], 1)


def label_of(said: Said) -> Tensor:
    """Return the classes (B,) of samples."""
    if "label" not in said:
        raise SettingError("loss", "multi_hinge", "left out: the data set has no labels (data.num_classes=0)")
    return said["label"]


def is_fake(scores: Tensor) -> Tensor:
    """Return the class K + 1 for each sample, (B,)."""
    return torch.full((len(scores),), scores.shape[1] - 1, device=scores.device)


def lead(scores: Tensor, label: Tensor) -> Tensor:
    """Return by how much the score of its label is above the best other one, (B,).

    >>> lead(torch.tensor([[1.0, 3.0, 0.5]]), torch.tensor([0]))
    tensor([-2.])
    """
    others = scores.scatter(1, label[:, None], -torch.inf)
    return scores.gather(1, label[:, None])[:, 0] - others.amax(1)
