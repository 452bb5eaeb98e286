r"""Inception score: sharp predictions for each image, all classes over many images.

.. math:: \mathrm{IS} = \exp \mathbb{E}_x \mathrm{KL}(p(y|x) \,\|\, p(y))

Salimans et al. 2016, section 4 (https://arxiv.org/abs/1606.03498): mean and standard deviation over 10 splits. It
sees no real image, so it can't see one image a class, copies or a wrong style; and it grows with the images in a
split, at most to their number. torchmetrics' class draws its order from the global state and divides the
deviation by splits - 1; permutation and deviation here are torch-fidelity's, which published figures rest on. The
same logits in the same order give its figures. A folder is read in an order of our own (`EvaluatedImages.order`), so
that its splits hold other images than torch-fidelity's: the score differs by what its deviation over splits allows.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from ganworks.errors import SettingError

NUM_SPLITS = 10
SHUFFLE_SEED = 2020  # torch-fidelity's


def inception_score(
    logits: Tensor, num_splits: int = NUM_SPLITS, shuffle: bool = True
) -> tuple[float, float]:
    """Return mean and standard deviation of the score over splits of logits (N, K).

    Args:
        num_splits: 10 in the literature; each gets N / num_splits images, and its own p(y).
        shuffle: permute the images as torch-fidelity does first: sorted by class they would score low.

    Raises:
        SettingError: there are fewer images than splits.

    >>> logits = 100 * torch.eye(5).repeat(4, 1)  # sure of its class each time, every class as often
    >>> score, _ = inception_score(logits, num_splits=1)
    >>> round(score, 6)
    5.0
    """
    if not 1 <= num_splits <= len(logits):
        raise SettingError("num_splits", num_splits, f"an integer from 1 to the {len(logits)} images")
    if shuffle:
        logits = logits[torch.from_numpy(np.random.RandomState(SHUFFLE_SEED).permutation(len(logits)))]
    bounds = [split * len(logits) // num_splits for split in range(num_splits + 1)]
    parts = [logits[start:stop] for start, stop in itertools.pairwise(bounds)]
    scores = torch.stack([_score(part) for part in parts])
    return scores.mean().item(), scores.std(correction=0).item()


def _score(logits: Tensor) -> Tensor:
    log_p = logits.double().log_softmax(1)
    log_marginal = log_p.logsumexp(0) - np.log(len(log_p))  # never log 0, however sure the classifier is
    return (log_p.exp() * (log_p - log_marginal)).sum(1).mean().exp()
