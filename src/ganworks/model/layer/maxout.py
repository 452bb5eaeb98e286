"""Maxout: the largest of several linear functions as one unit."""

from __future__ import annotations

from torch import Tensor, nn

from ganworks.errors import check_count


class Maxout(nn.Module):
    """h_i(x) = max_j (W_ij x + b_ij), Goodfellow et al. 2013 (https://arxiv.org/abs/1302.4389), equation 1.

    Args:
        num_in: length of the input.
        num_out: units.
        num_pieces: linear functions of a unit.

    >>> import torch
    >>> Maxout(3, 4, num_pieces=5)(torch.zeros(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(self, num_in: int, num_out: int, num_pieces: int) -> None:
        super().__init__()
        self.num_pieces = check_count("num_pieces", num_pieces)
        self.linear = nn.Linear(num_in, num_out * num_pieces)

    def forward(self, x: Tensor) -> Tensor:
        """Return the units (B, num_out) of ``x`` (B, num_in)."""
        return self.linear(x).unflatten(-1, (-1, self.num_pieces)).amax(dim=-1)
