"""Self-attention over the positions of a feature map."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from ganworks.model.layer.spectral import Layers


class SelfAttention(nn.Module):
    """x + gamma o(softmax(theta(x)^T phi(x)) g(x)), (B, C, H, W) to the same; gamma starts at 0.

    Zhang et al. 2019 (SAGAN), equations 1 to 3 (https://arxiv.org/abs/1805.08318), with the sizes of the authors'
    code, which BigGAN shares: queries theta and keys phi of C/8 channels, values g of C/2; keys and values are pooled
    by maxima of 2x2, so that each of the H W positions looks at H W / 4; no 1 / sqrt(d), and no biases.

    Args:
        num_channels: C.
        layers: what makes the 1x1 convolutions, with or without spectral norm.
    """

    def __init__(self, num_channels: int, layers: Layers) -> None:
        super().__init__()
        num_keys, num_values = max(1, num_channels // 8), max(1, num_channels // 2)
        self.query = layers.conv(num_channels, num_keys, 1, bias=False)
        self.key = layers.conv(num_channels, num_keys, 1, bias=False)
        self.value = layers.conv(num_channels, num_values, 1, bias=False)
        self.out = layers.conv(num_values, num_channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2)  # (B, C/8, HW)
        key = max_pool2d(self.key(x), 2).flatten(2)  # (B, C/8, HW/4)
        value = max_pool2d(self.value(x), 2).flatten(2)  # (B, C/2, HW/4)
        # softmax in float32, as autocast has it; the sum over keys is one for every position
        attention = (query.transpose(1, 2) @ key).softmax(-1)
        attended = (value @ attention.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gamma * self.out(attended)
