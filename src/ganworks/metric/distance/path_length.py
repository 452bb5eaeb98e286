r"""Path length of a generator: how fast its images change along a path through the latents.

.. math:: l = \mathbb{E}\Big[\tfrac{1}{\epsilon^2} d\big(G(I(z_1, z_2; t)), G(I(z_1, z_2; t + \epsilon))\big)\Big]

Karras et al. 2019, eq. 2 (https://arxiv.org/abs/1812.04948), with :math:`\epsilon = 10^{-4}`, great circles (slerp)
between Gaussian latents, t uniform in [0, 1], and the largest and smallest percent left out as in the authors' code.
The distance d, quadratic in small changes, makes the figure: with LPIPS it is the perceptual path length (PPL); with
pixels or the features of another network it is not, and has another name. Short paths are good only beside a good
distance: a collapsed generator has length 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import Tensor

from ganworks.metric.extractor.base import Extractor

EPSILON = 1e-4
DISCARDED = 0.01

Interpolation = Callable[[Tensor, Tensor, Tensor], Tensor]


def path_lengths(
    generate: Callable[[Tensor, slice], Tensor],
    start: Tensor,
    end: Tensor,
    share: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    interpolate: Interpolation | None = None,
    epsilon: float = EPSILON,
    batch_size: int = 64,
) -> Tensor:
    """Return the squared speed (N,), float64, at a point of each of N paths.

    Args:
        generate: latents (B, D) and the rows that they are of, to images (B, C, H, W).
        start, end: latents (N, D) that the paths join.
        share: t (N,), where on its path each one is measured; zeros are torch-fidelity's.
        distance: two batches of images to squared distances (B,).
        interpolate: `slerp`, the default, or `lerp`.
        epsilon: the step.
        batch_size: paths at a time.
    """
    interpolate, lengths = interpolate or slerp, []
    for first in range(0, len(start), batch_size):
        rows = slice(first, first + batch_size)
        # float64: in float32 a step of 1e-4 would keep three digits
        ends, t = (start[rows].cpu().double(), end[rows].cpu().double()), share[rows, None].cpu().double()
        points = [interpolate(*ends, t), interpolate(*ends, t + epsilon)]
        here, there = (generate(point.to(start), rows) for point in points)
        lengths.append(distance(here, there).cpu().double() / epsilon**2)
    return torch.cat(lengths)


def trimmed_mean(lengths: Tensor, discarded: float = DISCARDED) -> float:
    """Return the mean of ``lengths`` (N,) between the quantiles ``discarded`` and 1 - discarded, both kept.

    >>> trimmed_mean(torch.tensor([0.0, 1.0, 2.0, 3.0, 100.0]), discarded=0.25)
    2.0
    """
    low = torch.quantile(lengths, discarded, interpolation="lower")
    high = torch.quantile(lengths, 1 - discarded, interpolation="higher")
    return lengths[(lengths >= low) & (lengths <= high)].mean().item()


class PathDistance(Protocol):
    """Squared distance of two batches of images (B, C, H, W), on the CPU (B,), quadratic in small changes."""

    name: str

    @property
    def contract(self) -> Mapping[str, Any]:
        """What must agree for two path lengths to compare."""

    def check(self) -> None:
        """Raise `GanworksError` unless its weights are there."""

    def check_shape(self, shape: Sequence[int]) -> None:
        """Raise `SettingError` unless it can compare images of ``shape`` (C, H, W)."""

    def load(self) -> None:
        """Read the weights, once."""

    def __call__(self, images: Tensor, others: Tensor, /) -> Tensor:
        """Return the distance of each image to the one in the same place."""


class PixelDistance:
    """Mean squared difference of the pixels."""

    name = "pixels"
    contract: Mapping[str, Any] = MappingProxyType({})

    def check(self) -> None:
        """Need no weights."""

    def check_shape(self, shape: Sequence[int]) -> None:
        """Compare images of any size."""

    def load(self) -> None:
        """Need no weights."""

    def __call__(self, images: Tensor, others: Tensor) -> Tensor:
        return (images - others).double().square().flatten(1).mean(1).cpu()


class FeatureDistance:
    """Squared Euclidean distance of the features of an extractor.

    Args:
        extractor: the extractor itself.
        name: what the distance is called.
    """

    def __init__(self, extractor: Extractor, name: str) -> None:
        self.extractor, self.name, self.is_loaded = extractor, name, False

    @property
    def contract(self) -> Mapping[str, Any]:
        """The extractor's."""
        return self.extractor.contract

    def check(self) -> None:
        """Raise `GanworksError` unless the extractor has its weights."""
        self.extractor.check()

    def check_shape(self, shape: Sequence[int]) -> None:
        """Raise `SettingError` unless the extractor reads such images."""
        self.extractor.check_shape(shape)

    def load(self) -> None:
        """Load the extractor, once."""
        if not self.is_loaded:
            self.extractor.load()
            self.is_loaded = True

    def __call__(self, images: Tensor, others: Tensor) -> Tensor:
        first, second = (self.extractor(side).features.double() for side in (images, others))
        return (first - second).square().sum(1)


def lerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Interpolate ``start`` and ``end`` (N, D) in a straight line, for latents such as StyleGAN's w."""
    return torch.lerp(start, end, share)


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    r"""Interpolate ``start`` and ``end`` (N, D) along the great circle between them; ``share`` is t (N, 1).

    .. math:: I = (\sin((1 - t) \omega) z_1 + \sin(t \omega) z_2) / \sin \omega

    Parallel latents have no circle and are joined by a line.
    """
    cosine = torch.cosine_similarity(start, end, dim=1, eps=1e-12).clamp(-1, 1)[:, None]
    angle = cosine.arccos()
    sine = angle.sin()
    arc = (((1 - share) * angle).sin() * start + (share * angle).sin() * end) / sine.clamp(min=1e-12)
    return torch.where(sine > 1e-6, arc, lerp(start, end, share))
