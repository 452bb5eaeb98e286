"""Ways from one latent to another."""

from __future__ import annotations

import torch
from torch import Tensor


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Interpolate latents along the great circle between them; a straight line would leave the Gaussian's shell.

    Args:
        start, end: latents (..., latent_dim).
        share: (..., 1) in [0, 1].
    """
    cosine = (start * end).sum(-1, keepdim=True) / (
        start.norm(dim=-1, keepdim=True) * end.norm(dim=-1, keepdim=True)
    )
    angle = torch.acos(cosine.clamp(-1 + 1e-6, 1 - 1e-6))
    return (torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end) / torch.sin(angle)
