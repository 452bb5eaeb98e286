"""Bias, activation, gain and clamp as the StyleGAN family applies them."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import hardtanh, leaky_relu

SLOPE, GAIN = 0.2, math.sqrt(2)


def bias_act(
    x: Tensor,
    bias: Tensor | None = None,
    slope: float = SLOPE,
    gain: float = GAIN,
    clamp: float | None = None,
) -> Tensor:
    """Return clamp(gain lrelu(x + bias)): the gain after the activation, the clamp after the gain.

    The gain sqrt 2 keeps the variance of what a leaky rectifier halves. With a layer's gain g, such as the sqrt 1/2 of
    a residual branch, both gain and clamp are multiplied by it by the caller.

    Args:
        x: (B, C, ...).
        bias: (C,) or None.
        slope: of the negative side; 1 is no activation.
        clamp: bound of the values; None for none.
    """
    if bias is not None:
        x = x + bias.to(x.dtype).view(-1, *[1] * (x.dim() - 2))
    if slope != 1:
        x = leaky_relu(x, slope)
    if gain != 1:
        x = x * gain
    return bounded(x, clamp)


def bounded(x: Tensor, clamp: float | None) -> Tensor:
    """Return x in [-clamp, clamp], or as it is; the gradient is one pass over the map, that of `clamp` four."""
    return x if clamp is None else hardtanh(x, -clamp, clamp)
