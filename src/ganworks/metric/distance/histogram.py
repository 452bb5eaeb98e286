"""How often each class or mode is drawn, beside how often it should be."""

from __future__ import annotations

import torch
from torch import Tensor


def shares(labels: Tensor, num_classes: int) -> Tensor:
    """Return the share (K,) of each class among ``labels`` (N,).

    >>> shares(torch.tensor([0, 0, 0, 2]), 3).tolist()
    [0.75, 0.0, 0.25]
    """
    return torch.bincount(labels, minlength=num_classes).double() / len(labels)


def class_ratio(real_labels: Tensor, fake_labels: Tensor, num_classes: int) -> float:
    """Return the largest factor, from 1 up, by which a class comes too often or too seldom.

    A class of the reals without any fake counts as half a fake, so that the factor stays finite and grows
    with the number of fakes; a class without any real is left out.

    >>> class_ratio(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 1]), 2)
    2.0
    """
    real, fake = shares(real_labels, num_classes), shares(fake_labels, num_classes)
    is_real = real > 0
    fake = fake.clamp(min=0.5 / len(fake_labels))
    factors = fake[is_real] / real[is_real]
    return torch.maximum(factors, 1 / factors).max().item()


def reverse_kl(fake_shares: Tensor, real_shares: Tensor) -> float:
    """Return KL(fake || real) in nats of two histograms (K,); zero shares of the fakes add nothing."""
    terms = torch.special.xlogy(fake_shares, fake_shares / real_shares)
    return terms.sum().item()
