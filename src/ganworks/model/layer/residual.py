"""Residual blocks of SNGAN, SAGAN, BigGAN and BigGAN-deep.

Miyato et al. 2018 (SNGAN), appendix B.4 (https://arxiv.org/abs/1802.05957); Brock et al. 2019 (BigGAN), appendix B and
figures 15 and 16 (https://arxiv.org/abs/1809.11096). Convolutions keep the side; sides double by nearest neighbours
and halve by means.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from ganworks.model.layer.class_norm import MakeNorm
from ganworks.model.layer.spectral import Layers


def double(x: Tensor) -> Tensor:
    """Return (B, C, 2H, 2W): each position four times."""
    return interpolate(x, scale_factor=2.0, mode="nearest")


class UpBlock(nn.Module):
    """conv(relu(norm(conv(up(relu(norm(x))))))) + conv1x1(up(x)), (B, num_in, H, W) -> (B, num_out, 2H, 2W).

    Args:
        num_in, num_out: channels.
        layers: what makes the convolutions.
        norm: what makes the two norms, which see the condition.
    """

    def __init__(self, num_in: int, num_out: int, layers: Layers, norm: MakeNorm) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(num_in), norm(num_out)
        self.conv1, self.conv2 = layers.conv(num_in, num_out, 3), layers.conv(num_out, num_out, 3)
        self.skip = layers.conv(num_in, num_out, 1)

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        h = self.conv1(double(relu(self.norm1(x, condition))))
        h = self.conv2(relu(self.norm2(h, condition)))
        return h + self.skip(double(x))


class DownBlock(nn.Module):
    """pool(conv(relu(conv(relu(x))))) + pool(conv1x1(x)), (B, num_in, H, W) -> (B, num_out, H/2, W/2).

    Args:
        num_in, num_out: channels.
        layers: what makes the convolutions.
        hidden: channels between the two convolutions.
        is_down: halve the side; without, and where the channels stay, the skip is the identity.
        is_first: x is an image: no ReLU before the first convolution, and the skip pools first, which is cheaper.
    """

    def __init__(
        self,
        num_in: int,
        num_out: int,
        layers: Layers,
        hidden: int,
        is_down: bool = True,
        is_first: bool = False,
    ) -> None:
        super().__init__()
        self.conv1, self.conv2 = layers.conv(num_in, hidden, 3), layers.conv(hidden, num_out, 3)
        self.skip = layers.conv(num_in, num_out, 1) if is_down or num_in != num_out else None
        self.is_down, self.is_first = is_down, is_first

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(relu(self.conv1(x if self.is_first else relu(x))))
        if self.is_first and self.skip is not None:
            return self.pool(h) + self.skip(self.pool(x))
        return self.pool(h) + self.pool(x if self.skip is None else self.skip(x))

    def pool(self, x: Tensor) -> Tensor:
        """Return means over 2x2 positions where the block halves the side."""
        return avg_pool2d(x, 2) if self.is_down else x


SHRINK = 4  # a bottleneck has so many times fewer channels inside


class DeepUpBlock(nn.Module):
    """Bottleneck of BigGAN-deep: 1x1, (up) 3x3, 3x3, 1x1, a norm and a ReLU before each; the skip drops channels.

    The skip is the first ``num_out`` channels of x, doubled where the block doubles the side.

    Args:
        num_in, num_out: channels, ``num_out`` at most ``num_in``.
        layers: what makes the convolutions.
        norm: what makes the four norms.
        is_up: double the side.
    """

    def __init__(
        self, num_in: int, num_out: int, layers: Layers, norm: MakeNorm, is_up: bool = False
    ) -> None:
        super().__init__()
        hidden = max(1, num_in // SHRINK)
        self.num_out, self.is_up = num_out, is_up
        self.norm1, self.norm2, self.norm3, self.norm4 = (
            norm(num_in),
            norm(hidden),
            norm(hidden),
            norm(hidden),
        )
        self.conv1, self.conv4 = layers.conv(num_in, hidden, 1), layers.conv(hidden, num_out, 1)
        self.conv2, self.conv3 = layers.conv(hidden, hidden, 3), layers.conv(hidden, hidden, 3)

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        h = self.conv1(relu(self.norm1(x, condition)))
        h = self.conv2(self.resize(relu(self.norm2(h, condition))))
        h = self.conv3(relu(self.norm3(h, condition)))
        h = self.conv4(relu(self.norm4(h, condition)))
        return h + self.resize(x[:, : self.num_out])

    def resize(self, x: Tensor) -> Tensor:
        """Return x, doubled where the block doubles the side."""
        return double(x) if self.is_up else x


class DeepDownBlock(nn.Module):
    """Bottleneck of BigGAN-deep's discriminator: 1x1, 3x3, 3x3, (down) 1x1, a ReLU before each; the skip adds channels.

    The skip is x, halved where the block halves the side, and a 1x1 convolution of it for the missing channels.

    Args:
        num_in, num_out: channels, ``num_out`` at least ``num_in``.
        layers: what makes the convolutions.
        is_down: halve the side.
    """

    def __init__(self, num_in: int, num_out: int, layers: Layers, is_down: bool = False) -> None:
        super().__init__()
        hidden = max(1, num_out // SHRINK)
        self.is_down = is_down
        self.conv1, self.conv4 = layers.conv(num_in, hidden, 1), layers.conv(hidden, num_out, 1)
        self.conv2, self.conv3 = layers.conv(hidden, hidden, 3), layers.conv(hidden, hidden, 3)
        self.skip = layers.conv(num_in, num_out - num_in, 1) if num_out > num_in else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv3(relu(self.conv2(relu(self.conv1(relu(x))))))
        h = relu(h)
        if self.is_down:
            h, x = avg_pool2d(h, 2), avg_pool2d(x, 2)
        if self.skip is not None:
            x = torch.cat([x, self.skip(x)], dim=1)
        return self.conv4(h) + x
