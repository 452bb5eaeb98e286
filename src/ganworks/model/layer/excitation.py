"""Skip-layer excitation: a small map gates the channels of a large one."""

from __future__ import annotations

from torch import Tensor, nn

from ganworks.model.layer.power_iteration import with_power_iteration


class SkipExcitation(nn.Module):
    """y = F(low) high: channel-wise gates in (0, 1) of a low-resolution map on a high-resolution one.

    Liu et al. 2021, equation 1 (https://arxiv.org/abs/2101.04775). F is an average pooling to 4x4, a 4x4 convolution,
    swish, a 1x1 convolution, the sigmoid; spectral norm, no biases.

    Args:
        num_low: channels of the low-resolution map.
        num_high: channels of the map that is gated.
    """

    def __init__(self, num_low: int, num_high: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),
            with_power_iteration(nn.Conv2d(num_low, num_high, 4, bias=False)),
            nn.SiLU(),
            with_power_iteration(nn.Conv2d(num_high, num_high, 1, bias=False)),
            nn.Sigmoid(),
        )

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """Return (B, num_high, H, W) for ``low`` (B, num_low, h, w) and ``high`` (B, num_high, H, W)."""
        return high * self.gate(low)
