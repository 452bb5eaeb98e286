"""What StyleGAN3's generator is made of: Fourier features, and layers that keep to a bandlimit."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, conv2d

from ganworks.model.layer.activation import GAIN, SLOPE
from ganworks.model.layer.equalized import EqualizedLinear
from ganworks.model.layer.filtered_lrelu import filtered_lrelu
from ganworks.model.layer.modulated import demodulation
from ganworks.model.layer.norm import gather, is_shared
from ganworks.model.stylegan3_schedule import TAPS, Spec, low_pass


class FourierInput(nn.Module):
    """Sines of frequencies drawn once, turned and shifted by w and by the user: Karras et al. 2021, appendix F.

    Args:
        w_dim: length of a w.
        spec: of what it makes.

    Attributes:
        transform: (3, 3), the user's: from the coordinates of the output, in [-.5, .5], to those of the features.
    """

    transform: Tensor
    freqs: Tensor
    phases: Tensor

    def __init__(self, w_dim: int, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        freqs = torch.randn(spec.channels, 2)
        radii = freqs.square().sum(1, keepdim=True).sqrt()
        freqs = freqs / (radii * radii.square().exp().pow(0.25)) * spec.cutoff  # uniform in a disc
        self.weight = nn.Parameter(torch.randn(spec.channels, spec.channels))
        self.affine = EqualizedLinear(w_dim, 4)
        with torch.no_grad():
            self.affine.weight.zero_()
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))  # type: ignore[union-attr]
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", freqs)
        self.register_buffer("phases", torch.rand(spec.channels) - 0.5)

    def forward(self, w: Tensor) -> Tensor:
        """Return the features (B, C, size, size) for w (B, w_dim)."""
        spec = self.spec
        moved = self.movement(w)
        phases = self.phases + (self.freqs @ moved[:, :2, 2:]).squeeze(2)  # (B, C)
        freqs = self.freqs @ moved[:, :2, :2]  # (B, C, 2)
        # What the movement takes beyond the bandlimit fades out.
        amplitudes = 1 - (freqs.norm(dim=2) - spec.cutoff) / (spec.rate / 2 - spec.cutoff)
        scale = 0.5 * spec.size / spec.rate
        theta = w.new_tensor([[[scale, 0.0, 0.0], [0.0, scale, 0.0]]])
        grid = affine_grid(theta, [1, 1, spec.size, spec.size], align_corners=False)  # (1, H, W, 2)
        x = (grid.unsqueeze(3) @ freqs.transpose(1, 2)[:, None, None]).squeeze(3) + phases[:, None, None]
        x = (x * (2 * math.pi)).sin() * amplitudes.clamp(0, 1)[:, None, None]
        return (x @ (self.weight / math.sqrt(spec.channels)).t()).permute(0, 3, 1, 2)

    def movement(self, w: Tensor) -> Tensor:
        """Return (B, 3, 3): the rotation and the translation that w asks for, behind the user's transform."""
        t = self.affine(w)
        cos, sin, x, y = (t / t[:, :2].norm(dim=1, keepdim=True)).unbind(1)
        zero, one = torch.zeros_like(x), torch.ones_like(x)
        rotation = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], 1).view(-1, 3, 3)
        shift = torch.stack([one, zero, -x, zero, one, -y, zero, zero, one], 1).view(-1, 3, 3)
        return rotation @ shift @ self.transform


class AliasFreeLayer(nn.Module):
    """A modulated convolution and a filtered leaky ReLU, from one spec to another: Karras et al. 2021, figure 4b.

    Args:
        w_dim: length of a w.
        before, after: what comes in and what goes out.
        kernel: side of the convolution.
        is_image: the layer to the image: no demodulation, no activation, no filters.
        radial: a radial downsampling filter.
        clamp: bound of the activations; None for none.
        decay: of the running magnitude, in a step of the training.
    """

    magnitude: Tensor
    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(
        self,
        w_dim: int,
        before: Spec,
        after: Spec,
        kernel: int,
        is_image: bool,
        radial: bool,
        clamp: float | None,
        decay: float,
    ) -> None:
        super().__init__()
        self.is_image, self.clamp, self.decay, self.rate = is_image, clamp, decay, after.rate
        self.affine = EqualizedLinear(w_dim, before.channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(after.channels, before.channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after.channels))
        self.register_buffer("magnitude", torch.ones(()))
        rate = max(before.rate, after.rate) * (1 if is_image else 2)  # at which it activates
        self.up, self.down = rate // before.rate, rate // after.rate
        up_taps, down_taps = (1 if is_image else TAPS * factor for factor in (self.up, self.down))
        up_filter = low_pass(up_taps, before.cutoff, before.half_width, rate)
        down_filter = low_pass(down_taps, after.cutoff, after.half_width, rate, radial)
        self.register_buffer("up_filter", up_filter, persistent=False)
        self.register_buffer("down_filter", down_filter, persistent=False)
        self.padding = padding(before.size, after.size, kernel, self.up, self.down, up_taps, down_taps)

    def forward(self, x: Tensor, w: Tensor, dtype: torch.dtype, follow: bool = False) -> Tensor:
        """Return (B, C', H', W').

        Args:
            dtype: to compute in.
            follow: move the running magnitude of what comes in, that of all ranks.
        """
        if follow:
            self.follow(x)
        x = self.convolve(x.to(dtype), self.affine(w), self.magnitude.rsqrt())
        slope, gain = (1.0, 1.0) if self.is_image else (SLOPE, GAIN)
        return filtered_lrelu(
            x,
            self.up_filter,
            self.down_filter,
            self.bias,
            self.up,
            self.down,
            self.padding,
            slope,
            gain,
            self.clamp,
        )

    @torch.no_grad()
    def follow(self, x: Tensor) -> None:
        """Move the running magnitude toward the mean square of what comes in, that of all ranks."""
        magnitude = x.detach().to(torch.promote_types(x.dtype, torch.float32)).square().mean()
        if is_shared():
            magnitude = gather(magnitude).mean(0)
        self.magnitude.copy_(magnitude.lerp(self.magnitude.to(magnitude), self.decay))

    def convolve(self, x: Tensor, style: Tensor, gain: Tensor) -> Tensor:
        """Return the modulated convolution, of full size, of an input that is scaled by ``gain``."""
        weight: Tensor = self.weight
        if self.is_image:
            scale = gain.expand(x.shape[0], len(weight))
            style = style / math.sqrt(weight[0].numel())
        else:
            # Neither changes the demodulated output but for its epsilon; in float16 they keep it in range.
            weight = weight * weight.square().mean((1, 2, 3), keepdim=True).rsqrt()
            style = style * style.square().mean().rsqrt()
            scale = demodulation(weight, style) * gain
        y = conv2d(x * style.to(x.dtype)[..., None, None], weight.to(x.dtype), padding=weight.shape[-1] - 1)
        return y * scale.to(x.dtype)[..., None, None]


def padding(
    size_in: int, size_out: int, kernel: int, up: int, down: int, up_taps: int, down_taps: int
) -> tuple[int, int, int, int]:
    """Return the padding of the upsampled map that gives the size of the output, the map in its middle."""
    total = (size_out - 1) * down + 1 - (size_in + kernel - 1) * up + up_taps + down_taps - 2
    before = (total + up) // 2
    return before, total - before, before, total - before
