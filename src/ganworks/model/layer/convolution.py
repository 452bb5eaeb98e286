"""Convolutions whose second derivatives are convolutions of the same kind: what penalties on gradients ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from ganworks.errors import check_choice

DOUBLE_BACKWARD = ("native", "grouped")


class Geometry(NamedTuple):
    """How a convolution moves over its input: stride, padding and dilation of (y, x), and the groups."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


class Convolution(nn.Conv2d):
    """`torch.nn.Conv2d` with zero padding and no bias of its own, with a choice of how it is differentiated twice.

    Args:
        num_in, num_out: channels.
        kernel: side of the kernel, or its height and width.
        stride, padding, groups: as in `torch.nn.Conv2d`.
        double_backward: "native" leaves it to PyTorch, whose second derivative to the weight takes one convolution a
            group with the feature map as kernel; "grouped" takes one for all groups.

    Raises:
        SettingError: an unknown ``double_backward``.
    """

    def __init__(
        self,
        num_in: int,
        num_out: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        double_backward: str = "grouped",
    ) -> None:
        super().__init__(num_in, num_out, kernel, stride, padding, groups=groups, bias=False)
        self.double_backward = check_choice("double_backward", double_backward, DOUBLE_BACKWARD)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return (B, num_out, H', W') in the type of ``x``, to which the weight and ``bias`` (num_out,) are cast."""
        weight, bias = self.weight.to(x.dtype), None if bias is None else bias.to(x.dtype)
        function = grouped_conv2d if self.double_backward == "grouped" else conv2d
        padding = _pair(cast(tuple[int, ...], self.padding))
        return function(x, weight, bias, self.stride, padding, self.dilation, self.groups)


def grouped_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Return `torch.nn.functional.conv2d` of the same arguments, exact to any order of derivatives.

    A convolution y = x * w is linear in both, so that each of its three maps, (x, w) -> y, (dy, w) -> dx and
    (dy, x) -> dw, has the two others as derivatives. Each is one call of the library whatever the number of groups.

    Args:
        x: (B, C, H, W).
        weight: (O, C / groups, kh, kw).
        bias: (O,) or None.
    """
    # A compiled graph loses the gradient of a weight that goes into an autograd.Function.
    if torch.compiler.is_compiling():
        return conv2d(x, weight, bias, _pair(stride), _pair(padding), _pair(dilation), groups)
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
    geometry = Geometry(_pair(stride), _pair(padding), _pair(dilation), groups)
    return _Outer.apply(x, weight, bias, _WeightPath.apply(weight, bias, (x,), geometry), geometry)


class _WeightPath(torch.autograd.Function):
    """(w, b) -> nothing but a shape, whose gradient dy becomes (dy, x) -> dw and the sum of dy to the bias.

    PyTorch tells a function of Python not that a gradient to the weight is not asked for, as in the inner gradient of a
    penalty. As a node of its own it is left out there. The input comes in a tuple, so that no edge leads to it.
    """

    @staticmethod
    def forward(weight: Tensor, bias: Tensor | None, of: tuple[Tensor], geometry: Geometry) -> Tensor:
        return of[0].new_zeros(()).expand(_output_shape(of[0], weight, geometry))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        weight, _, (x,), ctx.geometry = inputs
        ctx.shape = weight.shape
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        dw = _ToWeight.apply(dy, x, ctx.geometry, ctx.shape) if ctx.needs_input_grad[0] else None
        return dw, dy.sum((0, 2, 3)) if ctx.needs_input_grad[1] else None, None, None


class _Outer(torch.autograd.Function):
    """(x, w, b) -> y, whose gradients to w and b go the way of `_WeightPath`."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, path: Tensor, geometry: Geometry) -> Tensor:
        return _convolution(x, weight, geometry, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, weight, _, _, ctx.geometry = inputs
        ctx.shape = x.shape
        ctx.save_for_backward(weight)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        dx = _ToInput.apply(dy, weight, ctx.geometry, ctx.shape) if ctx.needs_input_grad[0] else None
        return dx, None, None, dy if ctx.needs_input_grad[3] else None, None


class _Forward(torch.autograd.Function):
    """(x, w) -> y."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
        return _convolution(x, weight, geometry)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Geometry], output: Tensor) -> None:
        x, weight, ctx.geometry = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        dx = _ToInput.apply(dy, weight, ctx.geometry, x.shape) if ctx.needs_input_grad[0] else None
        dw = _ToWeight.apply(dy, x, ctx.geometry, weight.shape) if ctx.needs_input_grad[1] else None
        return dx, dw, None


class _ToInput(torch.autograd.Function):
    """(dy, w) -> dx."""

    @staticmethod
    def forward(dy: Tensor, weight: Tensor, geometry: Geometry, shape: torch.Size) -> Tensor:
        # Only the shape of x is read, but one whose channels lie otherwise than those of dy is copied before.
        last = dy.is_contiguous(memory_format=torch.channels_last)
        order = torch.channels_last if last else torch.contiguous_format
        x = torch.empty(shape, dtype=dy.dtype, device=dy.device, memory_format=order)
        return _backward(dy, x, weight, geometry, (True, False, False))[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Geometry, torch.Size], output: Tensor) -> None:
        dy, weight, ctx.geometry, _ = inputs
        ctx.save_for_backward(dy, weight)

    @staticmethod
    def backward(ctx: Any, ddx: Tensor) -> tuple[Tensor | None, ...]:
        dy, weight = ctx.saved_tensors
        ddy = _Forward.apply(ddx, weight, ctx.geometry) if ctx.needs_input_grad[0] else None
        dw = _ToWeight.apply(dy, ddx, ctx.geometry, weight.shape) if ctx.needs_input_grad[1] else None
        return ddy, dw, None, None


class _ToWeight(torch.autograd.Function):
    """(dy, x) -> dw."""

    @staticmethod
    def forward(dy: Tensor, x: Tensor, geometry: Geometry, shape: torch.Size) -> Tensor:
        return _backward(dy, x, x.new_empty(shape), geometry, (False, True, False))[1]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Geometry, torch.Size], output: Tensor) -> None:
        dy, x, ctx.geometry, _ = inputs
        ctx.save_for_backward(dy, x)

    @staticmethod
    def backward(ctx: Any, ddw: Tensor) -> tuple[Tensor | None, ...]:
        dy, x = ctx.saved_tensors
        ddy = _Forward.apply(x, ddw, ctx.geometry) if ctx.needs_input_grad[0] else None
        dx = _ToInput.apply(dy, ddw, ctx.geometry, x.shape) if ctx.needs_input_grad[1] else None
        return ddy, dx, None, None


def _convolution(x: Tensor, weight: Tensor, geometry: Geometry, bias: Tensor | None = None) -> Tensor:
    stride, padding, dilation, groups = geometry
    return torch.ops.aten.convolution(x, weight, bias, stride, padding, dilation, False, (0, 0), groups)


def _output_shape(x: Tensor, weight: Tensor, geometry: Geometry) -> tuple[int, ...]:
    sizes = zip(x.shape[2:], weight.shape[2:], *geometry[:3], strict=True)
    sides = [
        (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
        for size, kernel, stride, pad, dilation in sizes
    ]
    return (len(x), len(weight), *sides)


def _backward(
    dy: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, mask: tuple[bool, bool, bool]
) -> tuple[Tensor, ...]:
    """Return the gradients to the input, the weight and the bias that ``mask`` asks for."""
    stride, padding, dilation, groups = geometry
    return torch.ops.aten.convolution_backward(
        dy, x, weight, None, stride, padding, dilation, False, (0, 0), groups, mask
    )


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
