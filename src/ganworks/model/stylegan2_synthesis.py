"""What StyleGAN2's generator is made of: layers that a style modulates, blocks of one resolution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ganworks.model.layer.activation import GAIN, SLOPE, bounded
from ganworks.model.layer.equalized import EqualizedConv, EqualizedLinear
from ganworks.model.layer.modulated import modulated_conv
from ganworks.model.layer.precision import Precision
from ganworks.model.layer.resample import BINOMIAL, fir_filter, upsample


class StyleLayer(nn.Module):
    """A modulated 3x3 convolution, noise times a learned strength, bias, leaky ReLU times sqrt 2, clamp: in this order.

    Its weights are N(0, 1) without a factor: demodulation takes it out.

    Args:
        num_in, num_out: channels.
        w_dim: length of a w.
        size: (height, width) of the output.
        up: double the side.
        clamp: bound of the output; None for none.
    """

    filter: Tensor | None
    noise_const: Tensor

    def __init__(
        self, num_in: int, num_out: int, w_dim: int, size: tuple[int, int], up: bool, clamp: float | None
    ) -> None:
        super().__init__()
        self.affine = EqualizedLinear(w_dim, num_in, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(num_out, num_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(num_out))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", torch.randn(*size))
        self.register_buffer("filter", fir_filter(BINOMIAL) if up else None, persistent=False)
        self.clamp = clamp

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None, gain: float = 1.0) -> Tensor:
        """Return (B, num_out, H, W); ``noise`` (B, 1, H, W), (H, W) or None; ``gain`` also of the bound."""
        # g lrelu(x) = lrelu(g x): the gain is that of what is small instead of that of the map.
        act_gain = GAIN * gain
        x = modulated_conv(
            x, self.weight, self.affine(w), self.filter, gain=act_gain, bias=self.bias * act_gain
        )
        if noise is not None:
            x = x + (noise * (self.noise_strength * act_gain)).to(x.dtype)
        x = leaky_relu(x, SLOPE)
        return bounded(x, None if self.clamp is None else self.clamp * gain)

    def extra_repr(self) -> str:
        num_out, num_in, kernel, _ = self.weight.shape
        return f"{num_in}, {num_out}, {kernel}x{kernel}{'' if self.filter is None else ', up'}"


class ToImage(nn.Module):
    """A modulated 1x1 convolution to the channels of the image, without demodulation; arguments as for `StyleLayer`."""

    def __init__(self, num_in: int, num_out: int, w_dim: int, clamp: float | None) -> None:
        super().__init__()
        self.affine = EqualizedLinear(w_dim, num_in, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(num_out, num_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(num_out))
        self.weight_gain, self.clamp = 1 / math.sqrt(num_in), clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Return an image (B, num_out, H, W) in the type of the parameters."""
        x = modulated_conv(
            x, self.weight, self.affine(w), demodulate=False, gain=self.weight_gain, bias=self.bias
        )
        return bounded(x, self.clamp).to(self.weight.dtype)


class SynthesisBlock(nn.Module):
    """The layers of one resolution: two styled convolutions, of which the first doubles the side, and an image.

    That of 4x4 starts from a learned constant and has one convolution.

    Args:
        num_in, num_out: channels; 0 in for the block of 4x4.
        resolution: side of its maps, as of squares; it counts the doublings.
        size: (height, width) of its maps.
        channels: of the image.
        w_dim: length of a w.
        architecture: "skip" adds an image of every block to that before it; "resnet" has a residual path instead.
        has_image: it makes one.
        is_high: it computes in half precision where `precision` has one.
        precision: of the network.
        clamp: bound of the outputs; None for none.
    """

    filter: Tensor

    def __init__(
        self,
        num_in: int,
        num_out: int,
        resolution: int,
        size: tuple[int, int],
        channels: int,
        w_dim: int,
        architecture: str,
        has_image: bool,
        is_high: bool,
        precision: Precision,
        clamp: float | None,
    ) -> None:
        super().__init__()
        self.resolution, self.is_high, self.precision = resolution, is_high, precision
        self.const = None if num_in else nn.Parameter(torch.randn(num_out, *size))
        self.conv0 = StyleLayer(num_in, num_out, w_dim, size, True, clamp) if num_in else None
        self.conv1 = StyleLayer(num_out, num_out, w_dim, size, False, clamp)
        self.to_image = ToImage(num_out, channels, w_dim, clamp) if has_image else None
        has_skip = num_in > 0 and architecture == "resnet"
        self.skip = EqualizedConv(num_in, num_out, 1, bias=False, up=True) if has_skip else None
        self.register_buffer("filter", fir_filter(BINOMIAL), persistent=False)

    @property
    def layers(self) -> dict[str, StyleLayer]:
        """The styled convolutions by name, in order."""
        return {"conv1": self.conv1} if self.conv0 is None else {"conv0": self.conv0, "conv1": self.conv1}

    def forward(
        self,
        x: Tensor | None,
        image: Tensor | None,
        ws: Sequence[Tensor],
        noise: Mapping[str, Tensor],
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the map (B, num_out, H, W) and the image so far.

        Args:
            x, image: of the block before; None for none.
            ws: a w (B, w_dim) for each convolution and for the image.
            noise: by the convolution's name.
            dtype: to compute in.
        """
        if self.const is not None:
            x = self.const.to(dtype).expand(ws[0].shape[0], -1, -1, -1)
        assert x is not None
        x = x.to(dtype)
        if self.conv0 is not None and self.skip is not None:
            # Residual: both paths by sqrt 1/2, so that the variance of the sum stays, Karras et al. 2020, section 4.
            half = math.sqrt(0.5)
            y = self.skip(x, gain=half)
            x = y + self.conv1(self.conv0(x, ws[0], noise.get("conv0")), ws[1], noise.get("conv1"), gain=half)
        else:
            for (name, layer), w in zip(self.layers.items(), ws, strict=False):
                x = layer(x, w, noise.get(name))
        if image is not None:
            image = upsample(image, self.filter)
        if self.to_image is not None:
            y = self.to_image(x, ws[len(self.layers)])
            image = y if image is None else image + y
        return x, image
