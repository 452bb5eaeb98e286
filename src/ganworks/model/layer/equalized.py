"""Layers with an equalised learning rate: weights of unit variance that are scaled when they are used.

Karras et al. 2018 (https://arxiv.org/abs/1710.10196), section 4.1. A parameter is stored as N(0, 1) / m and used times
m / sqrt(fan in), m its learning rate's multiplier, so that Adam moves all layers at the same relative speed.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear

from ganworks.errors import check_choice
from ganworks.model.layer.activation import GAIN, SLOPE, bias_act
from ganworks.model.layer.resample import (
    BINOMIAL,
    downsample,
    downsample_conv,
    fir_filter,
    upsample,
    upsample_conv,
)

ACTIVATIONS = {"linear": (1.0, 1.0), "lrelu": (SLOPE, GAIN)}  # slope and gain


class EqualizedLinear(nn.Module):
    """A dense layer of features (B, num_in) -> (B, num_out).

    Args:
        num_in, num_out: features.
        bias: whether it has one.
        bias_init: first value of the bias as it is used.
        lr_multiplier: m, such as .01 in a mapping network.
        activation: "linear" or "lrelu" (slope .2, gain sqrt 2).
        divided_bias: store the bias divided by m, as StyleGAN3 does; the same where it starts at 0.
    """

    def __init__(
        self,
        num_in: int,
        num_out: int,
        bias: bool = True,
        bias_init: float = 0.0,
        lr_multiplier: float = 1.0,
        activation: str = "linear",
        divided_bias: bool = False,
    ) -> None:
        super().__init__()
        self.slope, self.act_gain = ACTIVATIONS[check_choice("activation", activation, tuple(ACTIVATIONS))]
        self.weight = nn.Parameter(torch.randn(num_out, num_in) / lr_multiplier)
        first = bias_init / lr_multiplier if divided_bias else bias_init
        self.bias = nn.Parameter(torch.full((num_out,), first)) if bias else None
        self.gain, self.bias_gain = lr_multiplier / math.sqrt(num_in), lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.to(x.dtype) * self.gain
        bias = None if self.bias is None else self.bias.to(x.dtype) * self.bias_gain
        return bias_act(linear(x, weight, bias), slope=self.slope, gain=self.act_gain)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}"


class EqualizedConv(nn.Module):
    """A convolution of (B, num_in, H, W) that keeps the side, doubles it or halves it, with bias and activation.

    A 1x1 convolution that doubles the side comes before the filter, one that halves it after: the same, and cheaper.

    Args:
        num_in, num_out: channels.
        kernel: side of the kernel, 1 or 3 where the side of the map changes.
        bias: whether it has one.
        activation: "linear" or "lrelu" (slope .2, gain sqrt 2).
        up, down: change of the side by two, with the filter [1, 3, 3, 1].
        clamp: bound of the output; None for none.
    """

    filter: Tensor

    def __init__(
        self,
        num_in: int,
        num_out: int,
        kernel: int,
        bias: bool = True,
        activation: str = "linear",
        up: bool = False,
        down: bool = False,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.slope, self.act_gain = ACTIVATIONS[check_choice("activation", activation, tuple(ACTIVATIONS))]
        self.weight = nn.Parameter(torch.randn(num_out, num_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(num_out)) if bias else None
        self.weight_gain = 1 / math.sqrt(num_in * kernel**2)
        self.up, self.down, self.clamp = up, down, clamp
        self.register_buffer("filter", fir_filter(BINOMIAL) if up or down else None, persistent=False)

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """Return (B, num_out, H', W'); ``gain`` multiplies the output and its bound."""
        clamp = None if self.clamp is None else self.clamp * gain
        # g lrelu(x) = lrelu(g x): the gain is that of the weight, so that no pass over the map is spent on it.
        act_gain = self.act_gain * gain
        bias = None if self.bias is None else (self.bias * act_gain).to(x.dtype)
        x = self.convolve(x, (self.weight * (self.weight_gain * act_gain)).to(x.dtype), bias)
        return bias_act(x, None, self.slope, 1.0, clamp)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return the convolution of ``x`` with ``weight`` and ``bias``, resampled."""
        is_point = weight.shape[-1] == 1
        if self.up:
            x = (
                upsample(conv2d(x, weight), self.filter)
                if is_point
                else upsample_conv(x, weight, self.filter)
            )
            return x if bias is None else x + bias[:, None, None]
        if self.down:
            if is_point:
                return conv2d(downsample(x, self.filter), weight, bias)
            return downsample_conv(x, weight, self.filter, bias)
        return conv2d(x, weight, bias, padding=weight.shape[-1] // 2)

    def extra_repr(self) -> str:
        num_out, num_in, kernel, _ = self.weight.shape
        change = ", up" * self.up + ", down" * self.down
        return f"{num_in}, {num_out}, {kernel}x{kernel}{change}"
