"""What one does without a GAN: small random rotations, scalings and shifts of the images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

ANGLE = 0.2  # radians, to either side
SCALE = 0.12  # share of the size, larger or smaller
SHIFT = 0.1  # share of the side, in each direction


def classic(images: Tensor, rng: Generator) -> Tensor:
    """Return images (B, C, H, W), each turned by up to .2 rad, scaled by up to 12 %, moved by up to a tenth.

    What comes in from outside continues the border; the draws are uniform and come from ``rng``.
    """
    num = len(images)
    angle, scale, right, down = (2 * torch.rand(4, num, generator=rng) - 1).unbind()
    angle, scale = ANGLE * angle, 1 + SCALE * scale
    cos, sin = angle.cos() / scale, angle.sin() / scale
    # Places are in [-1, 1] over a side, so that a tenth of it is 2 x .1.
    rows = [torch.stack([cos, -sin, 2 * SHIFT * right], 1), torch.stack([sin, cos, 2 * SHIFT * down], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
