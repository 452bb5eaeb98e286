"""Spectral norm with stored vectors: one step of the power method a training pass, none in eval."""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

Layer = TypeVar("Layer", bound=nn.Module)
EPSILON = 1e-12


class PowerIteration(nn.Module):
    """W -> W / sigma with sigma = u^T W v, the estimate of the largest singular value.

    Miyato et al. 2018, algorithm 1 (https://arxiv.org/abs/1802.05957). A pass in training first takes v = n(W^T u),
    then u = n(W v); in eval the vectors stay. They begin at random, where `finish_norm` iterates 15 times first and
    takes u before v. The gradient flows through W alone.

    Args:
        weight: W as it is stored; u and v are drawn for its shape.
        dim: the dimension of W that counts the outputs; the others are flattened.
    """

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor, dim: int = 0) -> None:
        super().__init__()
        self.dim = dim
        num_out = weight.shape[dim]
        for name, size in (("u", num_out), ("v", weight.numel() // num_out)):
            self.register_buffer(name, F.normalize(weight.new_empty(size).normal_(), dim=0, eps=EPSILON))

    def forward(self, weight: Tensor) -> Tensor:
        """Return W / sigma."""
        # In float32 under autocast too: bf16 has sigma to three digits.
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.movedim(self.dim, 0).flatten(1)
            if self.training:
                self._iterate(matrix.detach())
            # Copies, for a later pass before the backward of this one moves the buffers in place.
            sigma = self.u.clone() @ (matrix @ self.v.clone())
            return weight / sigma

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        self.v.copy_(F.normalize(matrix.T @ self.u, dim=0, eps=EPSILON))
        self.u.copy_(F.normalize(matrix @ self.v, dim=0, eps=EPSILON))


def with_power_iteration(layer: Layer) -> Layer:
    """Return a linear layer or a convolution, transposed ones too, whose weight is divided by sigma."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    dim = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    parametrize.register_parametrization(layer, "weight", PowerIteration(weight, dim), unsafe=True)
    return layer
