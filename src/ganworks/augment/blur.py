"""A Gaussian blur in front of the discriminator that fades out at the start of a training."""

from __future__ import annotations

import torch
from torch import Tensor

from ganworks.augment.base import Fading
from ganworks.augment.diffaugment import check_images
from ganworks.model.layer.resample import Filter

REACH = 3  # of the kernel, in sigma


class Blur(Fading):
    """The same blur of all images: kernel 2^-(i / sigma)^2 for |i| <= floor(3 sigma), along both axes, of sum 1.

    Karras et al. 2021 (StyleGAN3, https://arxiv.org/abs/2106.12423), appendix: without it the discriminator of
    configuration R fastens on high frequencies at first, which the generator cannot draw yet. It is there 10 pixels at
    the start and fades to 0 over 200,000 images at a batch of 32 (6,250 times the batch). Beyond the border are zeros.
    Below sigma 1/3 images pass untouched. Both players see blurred images, and penalties take their gradient through
    the blur.

    Args:
        sigma: in pixels, from 0 up; a number, or a schedule (`ganworks.schedule`) with a ``num_images`` of its own.

    Raises:
        SettingError: a negative sigma, or a schedule without a length; images that it does not take.
    """

    def forward(self, x: Tensor, rng: torch.Generator) -> Tensor:
        check_images(x)
        return blurred(x, self.sigma)


def blurred(x: Tensor, sigma: float) -> Tensor:
    """Return images or clips (B, C, ..., H, W) blurred with a deviation in pixels, computed in float32 or better."""
    reach = int(REACH * sigma)
    if reach == 0:
        return x
    with torch.autocast(x.device.type, enabled=False):
        y = x.to(torch.promote_types(x.dtype, torch.float32)).flatten(1, -3)
        place = torch.arange(-reach, reach + 1, device=x.device, dtype=y.dtype)
        f = (-(place / sigma).square()).exp2()
        f = f / f.sum()
        y = Filter.apply(y, f[None], (1, 1), (0, reach))
        y = Filter.apply(y, f[:, None], (1, 1), (reach, 0))
    return y.view(x.shape).to(x.dtype)
