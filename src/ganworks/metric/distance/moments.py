"""Mean and covariance of a stream of features, so that the features of many images need not be kept."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """First and second moments of N features, float64; those of two sets add up to those of their union.

    Each set is centred on its own mean: subtracting large sums would cost digits.

    Args:
        num: N.
        mean: (D,).
        products: sum (D, D) of (x - mean)(x - mean)^T.
    """

    num: int
    mean: Tensor
    products: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Moments:
        """Return the moments of features (N, D)."""
        features = features.double()
        mean = features.mean(0)
        centred = features - mean
        return cls(len(features), mean, centred.T @ centred)

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of the union: Chan, Golub and LeVeque 1979, eq. 2.1."""
        num, gap = self.num + other.num, other.mean - self.mean
        products = self.products + other.products
        products.addr_(gap, gap, alpha=self.num * other.num / num)
        return Moments(num, self.mean + gap * (other.num / num), products)

    @property
    def covariance(self) -> Tensor:
        """The covariance (D, D) with N - 1 in the denominator; zeros for a single feature."""
        return self.products / max(1, self.num - 1)


def total(moments: list[Moments]) -> Moments:
    """Return the moments of the union of all sets, of which there is at least one."""
    first, *others = moments
    return sum(others, start=first)
