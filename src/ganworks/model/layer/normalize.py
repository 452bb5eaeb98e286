"""Normalisation of a vector's length."""

from __future__ import annotations

from torch import Tensor

EPS = 1e-8


def normalize(x: Tensor, dim: int = 1) -> Tensor:
    """Return x / sqrt(mean x^2 + 1e-8) along ``dim``, Karras et al. 2018, section 4.2."""
    return x * (x.square().mean(dim, keepdim=True) + EPS).rsqrt()
