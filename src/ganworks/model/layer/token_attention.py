"""What a block of a transformer is made of: self-attention over tokens, and a gated layer for each token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm, scaled_dot_product_attention, silu

from ganworks.model.layer.positions import rotary_angles, rotate

EPS = 1e-6


class TokenAttention(nn.Module):
    """Self-attention over tokens (B, N, width) that stand on a grid, perhaps after some that stand nowhere.

    Queries and keys are divided by their root mean square in each head, with a gain (Dehghani et al. 2023, section 2.1,
    https://arxiv.org/abs/2302.05442; RMS in place of a layer norm), then turned by the place of their token.

    Args:
        width: features of a token.
        num_heads: divides ``width`` into heads of a multiple of 4.
        rows, columns: of the grid.
        num_extra: tokens before the first of the grid that are not turned, such as [cls].
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, width: int, num_heads: int, rows: int, columns: int, num_extra: int = 0) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        head_width = width // num_heads
        self.norm_q, self.norm_k = nn.RMSNorm(head_width, EPS), nn.RMSNorm(head_width, EPS)
        angles = rotary_angles(rows, columns, head_width)
        angles = torch.cat(
            [angles.new_zeros(num_extra, head_width // 2), angles]
        )  # an angle of 0 turns nothing
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        )  # (B, heads, N, d)
        # Gains in the type of the features: the fused kernel takes no mixture.
        q = rms_norm(q, q.shape[-1:], self.norm_q.weight.to(q.dtype), EPS)
        k = rms_norm(k, k.shape[-1:], self.norm_k.weight.to(k.dtype), EPS)
        q, k = rotate(q, self.cos, self.sin).to(v.dtype), rotate(k, self.cos, self.sin).to(v.dtype)
        return self.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class SwiGLU(nn.Module):
    """W3 (SiLU(W1 x) * W2 x) on each token (..., width), Shazeer 2020, equation 6 (https://arxiv.org/abs/2002.05202).

    Args:
        width: features of a token.
        hidden: inner features; None for 8/3 of ``width``, so that there are as many weights as in a plain layer of
            four times the width.
    """

    def __init__(self, width: int, hidden: int | None = None) -> None:
        super().__init__()
        hidden = int(8 * width / 3) if hidden is None else hidden
        self.inner, self.out = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.inner(x).chunk(2, -1)
        return self.out(silu(gate) * value)


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Let attention that is computed inside have gradients of gradients.

    PyTorch's fused kernels have none. The formula in its place takes 1.0 to 1.2 times their time on a CPU; it needs
    memory for all N^2 weights, so that it is used for exact penalties alone.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH):
        yield
