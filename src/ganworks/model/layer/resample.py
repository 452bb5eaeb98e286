"""Resampling of images and feature maps with FIR filters: no aliases, and a mean that stays.

The filters are constants that get no gradient; every form here is made of native convolutions and differentiates to
any order in the map and in the weights of a convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, pad

BINOMIAL = (1.0, 3.0, 3.0, 1.0)  # the filter of StyleGAN2 and R3GAN
SEPARABLE_FROM = 8  # taps from which a filter is applied along one axis after the other

Pair = int | tuple[int, int]


def fir_filter(taps: Sequence[float] | Tensor) -> Tensor:
    """Return a filter whose taps sum to 1: (H, W), or (n,) where it is applied along each axis in turn.

    Args:
        taps: of two dimensions, or of one: fewer than 8 become their outer product.

    >>> fir_filter([1, 3, 3, 1]).shape, fir_filter([1] * 12).shape
    (torch.Size([4, 4]), torch.Size([12]))
    """
    f = torch.as_tensor(taps, dtype=torch.float32)
    if f.dim() == 1 and len(f) < SEPARABLE_FROM:
        f = f.outer(f)
    return f / f.sum()


def upfirdn(
    x: Tensor,
    f: Tensor,
    up: Pair = 1,
    down: Pair = 1,
    padding: int | tuple[int, int, int, int] = 0,
    flip: bool = False,
    gain: float = 1.0,
) -> Tensor:
    """Insert zeros, pad, filter, keep every so-manieth: upsampling, FIR filter, downsampling, Karras et al. 2020.

    Args:
        x: (B, C, H, W).
        f: (h, w), or (n,) along both axes in turn.
        up, down: factors, of (x, y) where they differ.
        padding: (left, right, top, bottom) of the upsampled map; negative ones crop.
        flip: correlate instead of convolve.
        gain: of the filter.
    """
    (up_x, up_y), (down_x, down_y) = pair(up), pair(down)
    left, right, top, bottom = (padding,) * 4 if isinstance(padding, int) else padding
    x = pad(insert_zeros(x, up_x, up_y), (left, right, top, bottom))
    if f.dim() == 2:
        return _filtered(x, f * gain, (down_y, down_x), flip)
    f = f * gain**0.5
    return _filtered(_filtered(x, f[None], (1, down_x), flip), f[:, None], (down_y, 1), flip)


def insert_zeros(x: Tensor, up_x: int, up_y: int) -> Tensor:
    """Return (B, C, H up_y, W up_x) with zeros after each value."""
    if up_x == up_y == 1:
        return x
    x = pad(x[..., :, None, :, None], (0, up_x - 1, 0, 0, 0, up_y - 1))
    return x.flatten(4, 5).flatten(2, 3)


def upsample(x: Tensor, f: Tensor, gain: float = 1.0) -> Tensor:
    """Return (B, C, 2H, 2W): a zero after each value, then the (4, 4) filter ``f``, with zeros beyond the border.

    The mean of the interior stays. Bilinear interpolation differs along the border, where it repeats the edge.
    """
    size = (2 * x.shape[2], 2 * x.shape[3])
    return TransposedFilter.apply(x, f * (4 * gain), (2, 2), (1, 1), size)


def downsample(x: Tensor, f: Tensor) -> Tensor:
    """Return (B, C, H/2, W/2): the (4, 4) filter ``f``, with zeros beyond the border, at every other place."""
    return Filter.apply(x, f.flip(0, 1), (2, 2), (1, 1))


def upsample_conv(x: Tensor, weight: Tensor, f: Tensor) -> Tensor:
    """Return (B, O, 2H, 2W): x2 and a 3x3 convolution with ``weight`` (O, C, 3, 3) as one, smoothed by ``f``.

    The kernel is that of a transposed convolution: flipped, compared with `torch.nn.functional.conv2d`.
    """
    x = conv_transpose2d(x, weight.transpose(0, 1), stride=2)  # 2H + 1
    return Filter.apply(x, f.flip(0, 1) * 4, (1, 1), (1, 1))


def downsample_conv(x: Tensor, weight: Tensor, f: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return (B, O, H/2, W/2): smoothed by ``f``, then a 3x3 convolution with ``weight`` (O, C, 3, 3) of stride 2."""
    x = Filter.apply(x, f.flip(0, 1), (1, 1), (2, 2))  # H + 1
    return conv2d(x, weight, bias, stride=2)


class Filter(torch.autograd.Function):
    """The correlation of each channel of (B, C, H, W) with a constant filter (h, w), with stride and zero padding.

    Its gradient is `TransposedFilter`, and the other way round, so that both differentiate to any order by forward
    passes alone: the native backward of a depthwise convolution takes 5 to 20 times as long as its forward on a CPU.
    """

    @staticmethod
    def forward(x: Tensor, f: Tensor, stride: tuple[int, int], padding: tuple[int, int]) -> Tensor:
        return conv2d(x, depthwise(f, x), stride=stride, padding=padding, groups=x.shape[1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, f, ctx.stride, ctx.padding = inputs
        ctx.size = (x.shape[2], x.shape[3])
        ctx.save_for_backward(f)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (f,) = ctx.saved_tensors
        return TransposedFilter.apply(gradient, f, ctx.stride, ctx.padding, ctx.size), None, None, None


class TransposedFilter(torch.autograd.Function):
    """The transpose of `Filter`: from its output to a map of ``size`` (H, W)."""

    @staticmethod
    def forward(
        x: Tensor, f: Tensor, stride: tuple[int, int], padding: tuple[int, int], size: tuple[int, int]
    ) -> Tensor:
        sides = tuple(zip(f.shape, stride, padding, size, strict=True))
        if stride == (1, 1):
            rest = tuple(k - 1 - p for k, _, p, _ in sides)
            if min(rest) >= 0:
                return conv2d(x, depthwise(f.flip(0, 1), x), padding=rest, groups=x.shape[1])
        # What the stride left over at the far border.
        over = tuple((n + 2 * p - k) % s for k, s, p, n in sides)
        return conv_transpose2d(x, depthwise(f, x), None, stride, padding, over, x.shape[1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, f, ctx.stride, ctx.padding, _ = inputs
        ctx.save_for_backward(f)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        (f,) = ctx.saved_tensors
        return Filter.apply(gradient, f, ctx.stride, ctx.padding), None, None, None, None


def depthwise(f: Tensor, x: Tensor) -> Tensor:
    """Return the filter (h, w) as the weight (C, 1, h, w) of a convolution of each channel of ``x``."""
    return f.to(x.dtype).expand(x.shape[1], 1, *f.shape)


def pair(factor: Pair) -> tuple[int, int]:
    """Return (x, y)."""
    return (factor, factor) if isinstance(factor, int) else factor


def _filtered(x: Tensor, f: Tensor, stride: tuple[int, int], flip: bool) -> Tensor:
    """Return the valid part of the convolution (of the correlation, if ``flip``) of each channel with ``f``."""
    # conv2d correlates.
    return Filter.apply(x, f if flip else f.flip(0, 1), stride, (0, 0))
