"""A leaky ReLU between an upsampling and a downsampling filter: what it adds beyond the bandlimit is filtered out."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import conv_transpose2d, pad

from ganworks.model.layer.activation import GAIN, SLOPE, bias_act
from ganworks.model.layer.resample import depthwise, upfirdn

Padding = tuple[int, int, int, int]


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

    Args:
        x: (B, C, H, W).
        up_filter, down_filter: (n,) along both axes in turn, or (h, w); None for none.
        bias: (C,) or None.
        up, down: factors of the side.
        padding: (left, right, top, bottom) of the upsampled map; negative ones crop.
        slope, gain, clamp: as in `bias_act`.
    """
    if bias is not None:
        x = x + bias.to(x.dtype)[:, None, None]
    x = pad(x, padding) if up_filter is None else upsampled(x, up_filter, up, padding)
    x = bias_act(x, None, slope, gain, clamp)
    return x if down_filter is None else upfirdn(x, down_filter, down=down)


def upsampled(x: Tensor, f: Tensor, up: int, padding: Padding) -> Tensor:
    """Return what `upfirdn` returns of a filter (n,) with the gain up^2, without the zeros between the values.

    A transposed convolution of stride ``up`` computes each output from the n / up taps that meet no zero.
    """
    left, right, top, bottom = padding
    f = f * up
    x = _along(x, f[None], (1, up), (left, right, 0, 0))
    return _along(x, f[:, None], (up, 1), (0, 0, top, bottom))


def _along(x: Tensor, f: Tensor, stride: tuple[int, int], padding: Padding) -> Tensor:
    """Return the upsampling along one axis; ``f`` (1, n) or (n, 1)."""
    up, taps = max(stride), max(f.shape)
    before, after = (padding[0] + padding[2], padding[1] + padding[3])
    # The full convolution is n - 1 longer on either side than the valid one of what is not padded; no zeros follow
    # the last value.
    start, end = before - (taps - 1), after - (taps - 1) + up - 1
    cut = max(0, min(-start, -end))
    is_x = f.shape[0] == 1
    x = conv_transpose2d(
        x, depthwise(f, x), stride=stride, padding=(0, cut) if is_x else (cut, 0), groups=x.shape[1]
    )
    rest = (start + cut, end + cut)
    return x if rest == (0, 0) else pad(x, (*rest, 0, 0) if is_x else (0, 0, *rest))
