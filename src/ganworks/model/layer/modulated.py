"""The modulated convolution: a style scales what goes in, and the scale is taken out of what comes out."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from ganworks.model.layer.resample import upsample_conv

EPS = 1e-8


def modulated_conv(
    x: Tensor,
    weight: Tensor,
    style: Tensor,
    filter: Tensor | None = None,
    demodulate: bool = True,
    gain: float = 1.0,
    bias: Tensor | None = None,
) -> Tensor:
    """Return (B, O, H, W): d conv(s x, W) + bias, Karras et al. 2020 (https://arxiv.org/abs/1912.04958), eq. 1 to 3.

    The paper scales the weights of each sample; scaling the maps before and behind one convolution of the whole batch
    is the same, and needs neither grouped convolutions nor weights of five dimensions.

    Args:
        x: (B, C, H, W), in the type that is computed in.
        weight: (O, C, k, k), k odd.
        style: (B, C), s of each sample.
        filter: that which smooths a x2; None keeps the side. The kernel then is that of a transposed convolution.
        demodulate: take d, so that unit inputs give outputs of deviation 1 whatever the style.
        gain: factor of the output, before the bias.
        bias: (O,) or None.
    """
    if x.dtype == torch.float16 and demodulate:
        weight, style = normalized(weight, style)
    scale = demodulation(weight, style) * gain if demodulate else None
    if scale is None:
        style = style * gain
    x = x * style.to(x.dtype)[:, :, None, None]
    w = weight.to(x.dtype)
    x = conv2d(x, w, padding=w.shape[-1] // 2) if filter is None else upsample_conv(x, w, filter)
    return scaled(x, scale, bias)


def demodulation(weight: Tensor, style: Tensor) -> Tensor:
    """Return d (B, O) = 1 / sqrt(sum_ck (W_ock s_bc)^2 + 1e-8), as one product of matrices of squares."""
    return (style.square() @ weight.square().sum((2, 3)).t() + EPS).rsqrt()


def normalized(weight: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight and style in a range where the sums of a convolution in float16 do not overflow.

    The largest weight of an output channel becomes 1 / sqrt(fan in), the largest style of a sample 1; demodulation
    takes both factors out again. Karras et al. 2020 (ADA, https://arxiv.org/abs/2006.06676), appendix C.
    """
    fan_in = weight[0].numel()
    weight = weight / (weight.abs().amax((1, 2, 3), keepdim=True) * math.sqrt(fan_in))
    return weight, style / style.abs().amax(1, keepdim=True)


def scaled(x: Tensor, scale: Tensor | None, bias: Tensor | None) -> Tensor:
    """Return scale x + bias in one pass; ``scale`` (B, O), ``bias`` (O,)."""
    shift = None if bias is None else bias.to(x.dtype)[:, None, None]
    if scale is None:
        return x if shift is None else x + shift
    scale = scale.to(x.dtype)[:, :, None, None]
    return x * scale if shift is None else torch.addcmul(shift, x, scale)
