"""A leaky ReLU between an upsampling and a downsampling filter: what it adds beyond the bandlimit is filtered out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, pad

from ganworks.model.layer.activation import GAIN, SLOPE, bias_act, bounded
from ganworks.model.layer.resample import TransposedFilter, depthwise, upfirdn

Padding = tuple[int, int, int, int]
INSIDE = 1.5  # values of a mask beyond are those of values that reach the bound


def filtered_lrelu(
    x: Tensor,
    up_filter: Tensor | None = None,
    down_filter: Tensor | None = None,
    bias: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: Padding = (0, 0, 0, 0),
    slope: float = SLOPE,
    gain: float = GAIN,
    clamp: float | None = None,
) -> Tensor:
    """Add the bias, upsample, activate, clamp, downsample: Karras et al. 2021 (StyleGAN3), section 3.

    Between two filters what is kept for the gradient is one byte for each value of the upsampled map.

    Args:
        x: (B, C, H, W).
        up_filter, down_filter: (n,) along both axes in turn, or the second (h, w); None for none.
        bias: (C,) or None.
        up, down: factors of the side.
        padding: (left, right, top, bottom) of the upsampled map; negative ones crop.
        slope, gain, clamp: as in `bias_act`; slope and gain above 0.
    """
    if bias is not None:
        x = x + bias.to(x.dtype)[:, None, None]
    form = Form(up, down, padding, slope, gain, clamp)
    if up_filter is not None and down_filter is not None and torch.is_grad_enabled() and x.requires_grad:
        return FilteredActivation.apply(x, up_filter, down_filter, form)[0]
    return composed(x, up_filter, down_filter, form)


@dataclass(frozen=True)
class Form:
    """The settings of `filtered_lrelu`."""

    up: int
    down: int
    padding: Padding
    slope: float
    gain: float
    clamp: float | None


def composed(x: Tensor, up_filter: Tensor | None, down_filter: Tensor | None, form: Form) -> Tensor:
    """Return the activation as plain operations, which keep several maps of floats for the gradient."""
    x = pad(x, form.padding) if up_filter is None else upsampled(x, up_filter, form.up, form.padding)
    x = bias_act(x, None, form.slope, form.gain, form.clamp)
    return x if down_filter is None else upfirdn(x, down_filter, down=form.down)


class FilteredActivation(torch.autograd.Function):
    """`composed`, and a `mask_of` the upsampled map, which is all that the gradient needs.

    The gradient is linear, `MaskedFilters`, and so is every higher one.
    """

    @staticmethod
    def forward(x: Tensor, up_filter: Tensor, down_filter: Tensor, form: Form) -> tuple[Tensor, Tensor]:
        x = upsampled(x, up_filter, form.up, form.padding)
        x = bias_act(x, None, form.slope, form.gain)
        return upfirdn(bounded(x, form.clamp), down_filter, down=form.down), mask_of(x, form.clamp)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        _, up_filter, down_filter, ctx.form = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)  # else zeros of the mask's size would be made
        ctx.save_for_backward(output[1], up_filter, down_filter)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, _: None) -> tuple[Tensor | None, None, None, None]:
        if gradient is None:
            return None, None, None, None
        return MaskedFilters.apply(gradient, *ctx.saved_tensors, ctx.form, True), None, None, None


class MaskedFilters(torch.autograd.Function):
    """The activation of a given mask, linear in (B, C, H, W): from its input to its output, or transposed."""

    @staticmethod
    def forward(
        x: Tensor, mask: Tensor, up_filter: Tensor, down_filter: Tensor, form: Form, is_transposed: bool
    ) -> Tensor:
        if is_transposed:
            x = masked(downsampled_transposed(x, down_filter, form.down, mask.shape), mask, form)
            return upsampled_transposed(x, up_filter, form.up, form.padding)
        x = masked(upsampled(x, up_filter, form.up, form.padding), mask, form)
        return upfirdn(x, down_filter, down=form.down)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, *tensors, ctx.form, ctx.is_transposed = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        x = MaskedFilters.apply(gradient, *ctx.saved_tensors, ctx.form, not ctx.is_transposed)
        return x, None, None, None, None, None


def mask_of(x: Tensor, clamp: float | None) -> Tensor:
    """Return bytes for a map (B, C, H', W') that is not bounded yet: 1 of positive values, 0 of others, 3 and -2 of
    those that reach the bound."""
    mask = (x > 0).view(torch.int8)
    if clamp is None:
        return mask
    high, low = (x >= clamp).view(torch.int8), (x <= -clamp).view(torch.int8)
    return mask.add_(high, alpha=2).sub_(low, alpha=2)


def masked(x: Tensor, mask: Tensor, form: Form) -> Tensor:
    """Return x (B, C, H', W') times the slope of the activation where the mask was made.

    By the gradients of the native operations with the mask in place of the map: the same numbers, to the bit.
    """
    at = mask.to(x.dtype)
    if form.clamp is not None:
        x = torch.ops.aten.hardtanh_backward(x, at, -INSIDE, INSIDE)
    return torch.ops.aten.leaky_relu_backward(x * form.gain, at, form.slope, False)


def upsampled(x: Tensor, f: Tensor, up: int, padding: Padding) -> Tensor:
    """Return what `upfirdn` returns of a filter (n,) with the gain up^2, without the zeros between the values.

    A transposed convolution of stride ``up`` computes each output from the n / up taps that meet no zero.
    """
    left, right, top, bottom = padding
    f = f * up
    x = _along(x, f[None], (1, up), (left, right))
    return _along(x, f[:, None], (up, 1), (top, bottom))


def upsampled_transposed(x: Tensor, f: Tensor, up: int, padding: Padding) -> Tensor:
    """Return the transpose of `upsampled`: from its output to its input."""
    left, right, top, bottom = padding
    f = f * up
    x = _along_transposed(x, f[:, None], (up, 1), (top, bottom))
    return _along_transposed(x, f[None], (1, up), (left, right))


def downsampled_transposed(x: Tensor, f: Tensor, down: int, shape: torch.Size) -> Tensor:
    """Return the transpose of `upfirdn` with ``down``: from its output to its input of ``shape`` (B, C, H, W)."""
    if f.dim() == 2:
        return TransposedFilter.apply(x, f.flip(0, 1), (down, down), (0, 0), tuple(shape[2:]))
    f = f.flip(0)
    x = TransposedFilter.apply(x, f[:, None], (down, 1), (0, 0), (shape[2], x.shape[3]))
    return TransposedFilter.apply(x, f[None], (1, down), (0, 0), tuple(shape[2:]))


def _along(x: Tensor, f: Tensor, stride: tuple[int, int], padding: tuple[int, int]) -> Tensor:
    """Return the upsampling along one axis; ``f`` (1, n) or (n, 1)."""
    cut, rest = _borders(f, stride, padding)
    x = conv_transpose2d(x, depthwise(f, x), stride=stride, padding=cut, groups=x.shape[1])
    return x if not any(rest) else pad(x, rest)


def _along_transposed(x: Tensor, f: Tensor, stride: tuple[int, int], padding: tuple[int, int]) -> Tensor:
    """Return the transpose of `_along`."""
    cut, rest = _borders(f, stride, padding)
    x = pad(x, [-num for num in rest]) if any(rest) else x
    return conv2d(x, depthwise(f, x), stride=stride, padding=cut, groups=x.shape[1])


def _borders(f: Tensor, stride: tuple[int, int], padding: tuple[int, int]) -> tuple[tuple[int, int], Padding]:
    """Return what a transposed convolution cuts off on both sides (y, x), and the padding that is left to do."""
    up, taps = max(stride), max(f.shape)
    # The full convolution is n - 1 longer on either side than the valid one of what is not padded; no zeros follow
    # the last value.
    start, end = padding[0] - (taps - 1), padding[1] - (taps - 1) + up - 1
    cut = max(0, min(-start, -end))
    rest = (start + cut, end + cut)
    return ((0, cut), (*rest, 0, 0)) if f.shape[0] == 1 else ((cut, 0), (0, 0, *rest))
