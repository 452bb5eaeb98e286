"""Mixtures of Gaussians, in the plane or in more dimensions: the classic test of mode collapse, with a known answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ganworks.data.base import GanDataModule, check_shape
from ganworks.data.samples import TensorSamples
from ganworks.errors import SettingError, check_count, check_range
from ganworks.noise import keyed_rng


class Mixture(GanDataModule):
    """Samples of equally likely Gaussians N(mean, sigma^2 I); the label is the mode.

    The samples are a function of ``seed``. Networks see them times ``scale``; the attributes ``means`` and
    ``sigma`` are in those units too, so figures that count in sigmas do not depend on it.

    Args:
        means: (modes, D) centres, before scaling.
        sigma: standard deviation of each Gaussian, before scaling.
        scale: factor that brings the samples to order 1.
        num_samples: size of the training set.
        batch_size, seed: see `GanDataModule`.

    Raises:
        SettingError: ``sigma`` or ``scale`` is not above 0, or a count is not one.
    """

    name = "mixture"

    def __init__(
        self,
        means: Tensor,
        sigma: float,
        scale: float = 1.0,
        num_samples: int = 100_000,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__((means.shape[1],), len(means), batch_size, seed)
        self.scale = check_range("scale", scale, 1e-9)
        self.num_samples = check_count("num_samples", num_samples)
        self.means = means * self.scale
        self.sigma = check_range("sigma", sigma, 1e-9) * self.scale

    def load(self) -> TensorSamples:
        """Draw the samples: points float32 (N, D), labels int64 (N,)."""
        rng = keyed_rng(self.seed, "mixture")
        mode = torch.randint(len(self.means), (self.num_samples,), generator=rng)
        noise = torch.randn(self.num_samples, *self.shape, generator=rng)
        return TensorSamples(self.means[mode] + self.sigma * noise, mode)


class Ring(Mixture):
    """``num_classes`` Gaussians on a circle: 8 on the unit circle, sigma .01, in PacGAN (Lin 2018, 4.1).

    >>> Ring().means[0].tolist(), Ring().num_classes
    ([1.0, 0.0], 8)
    """

    name = "ring"

    def __init__(
        self,
        num_classes: int = 8,
        radius: float = 1.0,
        sigma: float = 0.01,
        scale: float = 1.0,
        num_samples: int = 100_000,
        batch_size: int = 64,
        shape: Sequence[int] | None = None,
        seed: int = 0,
    ) -> None:
        check_shape(shape, (2,), "points in the plane")
        angles = torch.arange(check_count("num_classes", num_classes)) * (2 * math.pi / num_classes)
        means = check_range("radius", radius, 1e-9) * torch.stack([angles.cos(), angles.sin()], dim=1)
        super().__init__(means, sigma, scale, num_samples, batch_size, seed)


class Grid(Mixture):
    """``num_classes`` Gaussians on a square grid: {-4, -2, 0, 2, 4}^2, sigma .05, in PacGAN (Lin 2018, 4.1).

    >>> Grid(scale=0.25).means.unique().tolist()
    [-1.0, -0.5, 0.0, 0.5, 1.0]
    """

    name = "grid"

    def __init__(
        self,
        num_classes: int = 25,
        spacing: float = 2.0,
        sigma: float = 0.05,
        scale: float = 1.0,
        num_samples: int = 100_000,
        batch_size: int = 64,
        shape: Sequence[int] | None = None,
        seed: int = 0,
    ) -> None:
        check_shape(shape, (2,), "points in the plane")
        side = math.isqrt(check_count("num_classes", num_classes))
        if side * side != num_classes:
            raise SettingError("num_classes", num_classes, "a square (4, 9, 16, 25, ...)")
        line = check_range("spacing", spacing, 1e-9) * (torch.arange(side) - (side - 1) / 2)
        super().__init__(torch.cartesian_prod(line, line), sigma, scale, num_samples, batch_size, seed)


class HighDimensional(Mixture):
    """``num_classes`` Gaussians in ``num_dims`` dimensions, their means ``radius`` from the origin, at right angles.

    The means are the same under every seed: rows of a random orthogonal matrix, from a fixed key. All pairs are
    sqrt(2) ``radius`` apart, so no mode has a neighbour that is nearer than another.

    Args:
        num_classes: modes, at most ``num_dims``.
        num_dims: of a sample.
        radius, sigma, scale, num_samples, batch_size, seed: see `Mixture`.
        shape: what the networks are built for: (num_dims,), or None.

    >>> data = HighDimensional()
    >>> data.shape, (data.means @ data.means.T).diagonal().allclose(torch.full((25,), 16.0))
    ((32,), True)
    """

    name = "high_dimensional"

    def __init__(
        self,
        num_classes: int = 25,
        num_dims: int = 32,
        radius: float = 4.0,
        sigma: float = 0.2,
        scale: float = 1.0,
        num_samples: int = 100_000,
        batch_size: int = 64,
        shape: Sequence[int] | None = None,
        seed: int = 0,
    ) -> None:
        num_dims = check_count("num_dims", num_dims)
        if check_count("num_classes", num_classes) > num_dims:
            raise SettingError("num_classes", num_classes, f"at most {num_dims}, the dimensions (num_dims)")
        check_shape(shape, (num_dims,), "num_dims")
        drawn = torch.randn(num_dims, num_dims, generator=keyed_rng("mixture", "means"), dtype=torch.float64)
        directions = torch.linalg.qr(drawn).Q[:num_classes].float()
        super().__init__(
            check_range("radius", radius, 1e-9) * directions, sigma, scale, num_samples, batch_size, seed
        )
