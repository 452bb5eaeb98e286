"""Sufficient statistics of a stream of features, so that the features of many images need not be kept."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor


@dataclass(frozen=True)
class FeatureStatistics:
    """What FID and KID need of N images: moments of all of them, features of the first few.

    Args:
        num: N (), int64.
        mean: mean (D,) of all features, float64.
        covariance: covariance (D, D) of all features with N - 1 in the denominator, float64.
        first: features (min(N, kept), D) of the first images, float32.
    """

    num: Tensor
    mean: Tensor
    covariance: Tensor
    first: Tensor

    @classmethod
    def of(cls, batches: Iterable[Tensor], num_kept: int) -> FeatureStatistics:
        """Return the statistics of features that come in batches (B, D), from 2 features up.

        The moments are taken about the first batch's mean: subtracting large sums would cost digits.
        """
        batches = iter(batches)
        head = next(batches)
        shift = head.double().mean(0)
        num, total, products = 0, torch.zeros_like(shift), shift.new_zeros(len(shift), len(shift))
        first = []
        for features in itertools.chain([head], batches):
            centred = features.double() - shift
            total += centred.sum(0)
            products.addmm_(centred.T, centred)
            first.append(features[: max(0, num_kept - num)])
            num += len(features)
        mean = total / num
        covariance = (products - num * torch.outer(mean, mean)) / (num - 1)
        return cls(torch.tensor(num), mean + shift, covariance, torch.cat(first))

    def save(self, path: Path) -> None:
        """Write the statistics to ``path``, complete or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        save_file(asdict(self), part)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> FeatureStatistics | None:
        """Return the statistics at ``path``, or None where there are none or the file is damaged."""
        try:
            return cls(**load_file(path))
        except (OSError, SafetensorError, TypeError):
            return None
