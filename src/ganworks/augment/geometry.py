"""ADA's blits and geometric transformations: one affine map a sample, resampled once without aliases.

Karras et al. 2020 (ADA), appendix B, https://arxiv.org/abs/2006.06676. The matrices take places of the output to places
of the input, in pixels from the centre.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

from ganworks.augment.matrix import rotation, scaling, translation
from ganworks.model.layer.resample import fir_filter

# Low-pass filter of the wavelet sym6: orthogonal to its own shifts by two, so that up and down give the image back.
SYM6 = (
    *(0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633),
    *(0.4910559419267466, 0.787641141030194, 0.3379294217276218, -0.07263752278646252),
    *(-0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148),
)
# Up to this side the filter is a matrix: on a CPU up to ten times as fast as a convolution and its gradient.
SMALL = 256
REACH = len(SYM6) // 4  # pixels that the filter of twice the resolution reaches beyond the border
Margins = tuple[int, int, int, int]

SHIFT = 0.125  # share of the side: the largest whole shift, the deviation of a fractional one
OCTAVES = 0.2  # deviation of the scales' binary logarithm


def whole_shift(u: Tensor, width: int, height: int) -> Tensor:
    return translation(*(-((2 * u - 1) * SHIFT * torch.tensor([width, height])).round()).unbind(1))


def turn(u: Tensor, width: int, height: int) -> Tensor:
    return rotation(math.pi * (2 * u - 1))


MAPS: dict[
    str, Callable[[Tensor, int, int], Tensor]
] = {  # of a draw (B,) or (B, 2), the width and the height
    "xflip": lambda u, w, h: scaling(1 - 2 * (2 * u).floor(), 1.0),
    "rotate90": lambda u, w, h: rotation(math.pi / 2 * (4 * u).floor()),
    "xint": whole_shift,
    "scale": lambda n, w, h: scaling(2 ** (-OCTAVES * n), 2 ** (-OCTAVES * n)),
    "pre_rotation": turn,
    "aniso": lambda n, w, h: scaling(2 ** (-OCTAVES * n), 2 ** (OCTAVES * n)),
    "post_rotation": turn,
    "xfrac": lambda n, w, h: translation(*(-SHIFT * n * torch.tensor([w, h])).unbind(1)),
}


def affine(values: Mapping[str, Tensor], width: int, height: int) -> Tensor | None:
    """Return the product of the maps of ``values``, (B, 3, 3); None where none is among them."""
    found = None
    for name, map_of in MAPS.items():
        if name in values:
            step = map_of(values[name], width, height)
            found = step if found is None else found @ step
    return found


def warp(x: Tensor, maps: Tensor) -> Tensor:
    """Return images (B, C, H, W) of which the pixel at p is taken from the place maps @ p; see `resampled`.

    Args:
        maps: (B, 3, 3) on the CPU.
    """
    if (
        x.device.type != "cpu"
    ):  # there a number of images that changes from batch to batch costs more than it saves
        return resampled(x, maps)
    moved = (maps != torch.eye(3)).flatten(1).any(1).nonzero()[:, 0]
    return x.index_copy(0, moved, resampled(x[moved], maps[moved])) if len(moved) else x


def resampled(x: Tensor, maps: Tensor) -> Tensor:
    """Return images (B, C, H, W) of which the pixel at p is taken from the place maps @ p.

    Upsampled x2 by an orthogonal filter, sampled bilinearly, downsampled; beyond the border the image is reflected. The
    identity gives the image back but for rounding.

    Args:
        maps: (B, 3, 3) on the CPU: how far they reach is then known without waiting for a device.
    """
    height, width = x.shape[-2:]
    pads = margins(maps, width, height)
    x = upsampled(F.pad(x, pads, "reflect"))
    size = (2 * (height + 2 * REACH), 2 * (width + 2 * REACH))
    theta = sampling(maps, pads, size, (x.shape[-2], x.shape[-1]))
    grid = F.affine_grid(theta.to(x, non_blocking=True), [*x.shape[:2], *size], align_corners=False)
    return downsampled(Bilinear.apply(x, grid))


def margins(maps: Tensor, width: int, height: int, step: int | None = None) -> Margins:
    """Return how far (left, right, top, bottom) the images of a batch have to be continued, at most a side less one.

    Args:
        maps: (B, 3, 3).
        step: they are rounded up to multiples of this many pixels. By default an eighth of the larger side: then the
            maps of different batches have few different sizes, and memory and kernels chosen for them are used again.
            A larger margin is the same image: what is beyond the smaller one is not looked at.
    """
    step = step or max(1, max(width, height) // 8)
    right, bottom = (width - 1) / 2, (height - 1) / 2
    corners = torch.tensor(
        [[-right, -bottom, 1], [right, -bottom, 1], [right, bottom, 1], [-right, bottom, 1]]
    )
    places = (maps @ corners.T)[:, :2]  # (B, 2, 4)
    lowest, highest = places.amin((0, 2)), places.amax((0, 2))
    reach = torch.stack([-lowest[0], highest[0], -lowest[1], highest[1]])
    beyond = reach + torch.tensor([2 * REACH - half for half in (right, right, bottom, bottom)])
    left, right_, top, bottom_ = (
        min(side - 1, step * math.ceil(max(0.0, margin) / step))
        for margin, side in zip(beyond.tolist(), (width, width, height, height), strict=True)
    )
    return left, right_, top, bottom_


def sampling(maps: Tensor, pads: Margins, size: tuple[int, int], size_in: tuple[int, int]) -> Tensor:
    """Return ``maps`` (B, 3, 3) for `affine_grid`, (B, 2, 3).

    Args:
        pads: margins of the images.
        size: (height, width) of the map that is sampled, at twice the resolution.
        size_in: (height, width) of the padded and upsampled images.
    """
    left, right, top, bottom = pads
    maps = translation((left - right) / 2, (top - bottom) / 2) @ maps
    maps = scaling(2.0, 2.0) @ maps @ scaling(0.5, 0.5)
    maps = translation(-0.5, -0.5) @ maps @ translation(0.5, 0.5)  # the centres of pixels half as large
    maps = scaling(2 / size_in[1], 2 / size_in[0]) @ maps @ scaling(size[1] / 2, size[0] / 2)
    return maps[:, :2]


def upsampled(x: Tensor) -> Tensor:
    """Return (B, C, 2H, 2W): zeros between the pixels, beyond the border too, and the filter along each axis."""
    height, width = x.shape[-2:]
    if max(height, width) <= SMALL:
        rows, columns = (banded(5, 2 * side, side, (1, -2)).to(x) for side in (height, width))
        return 4 * (rows @ (x @ columns.mT))
    f = 2 * fir_filter(SYM6).to(x)
    planes = x.reshape(-1, 1, height, width)  # one channel: the same filter for each
    planes = conv_transpose2d(planes, f.view(1, 1, 1, -1), stride=(1, 2))[..., 5 : 5 + 2 * width]
    planes = conv_transpose2d(planes, f.view(1, 1, -1, 1), stride=(2, 1))[..., 5 : 5 + 2 * height, :]
    return planes.view(*x.shape[:2], 2 * height, 2 * width)


def downsampled(x: Tensor) -> Tensor:
    """Return every other pixel, filtered: (B, C, 2 (H + 6), 2 (W + 6)) to (B, C, H, W)."""
    height, width = (side // 2 - 2 * REACH for side in x.shape[-2:])
    if max(x.shape[-2:]) <= 2 * SMALL:
        rows, columns = (banded(-1, side, 2 * (side + 2 * REACH), (-2, 1)).to(x) for side in (height, width))
        return rows @ (x @ columns.mT)
    f = fir_filter(SYM6).to(x)
    planes = x.reshape(-1, 1, *x.shape[-2:])[..., 1:-1, 1:-1]
    planes = conv2d(planes, f.view(1, 1, 1, -1), stride=(1, 2))
    planes = conv2d(planes, f.view(1, 1, -1, 1), stride=(2, 1))
    return planes.view(*x.shape[:2], height, width)


def banded(start: int, num_out: int, num_in: int, steps: tuple[int, int]) -> Tensor:
    """Return the filter as a matrix (num_out, num_in): at (i, j) the tap of number start + steps[0] i + steps[1] j."""
    tap = start + steps[0] * torch.arange(num_out)[:, None] + steps[1] * torch.arange(num_in)
    is_inside = (tap >= 0) & (tap < len(SYM6))
    return fir_filter(SYM6)[tap.clamp(0, len(SYM6) - 1)].where(is_inside, torch.zeros(()))


class Bilinear(torch.autograd.Function):
    """Images sampled at the places of a grid without a gradient, zero beyond the border.

    It is linear in the images, so that its gradient's gradient is itself: that of any order is there, in releases of
    PyTorch too whose `grid_sample` has only the first, and nothing but the grid is kept for it.
    """

    @staticmethod
    def forward(x: Tensor, grid: Tensor) -> Tensor:
        return F.grid_sample(x, grid, "bilinear", "zeros", align_corners=False)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        x, grid = inputs
        ctx.save_for_backward(grid)
        ctx.shape = x.shape

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return BilinearAdjoint.apply(gradient, ctx.saved_tensors[0], ctx.shape), None


class BilinearAdjoint(torch.autograd.Function):
    """The adjoint of `Bilinear`: each value goes to the pixels that it would have been taken from."""

    @staticmethod
    def forward(gradient: Tensor, grid: Tensor, shape: torch.Size) -> Tensor:
        images = gradient.new_zeros(()).expand(shape)  # of which the shape alone matters
        adjoint = torch.ops.aten.grid_sampler_2d_backward
        found: Tensor = adjoint(gradient, images, grid, 0, 0, False, [True, False])[0]
        return found

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, torch.Size], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return Bilinear.apply(gradient, ctx.saved_tensors[0]), None, None
