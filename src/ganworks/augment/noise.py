"""Gaussian noise on all that the discriminator sees, which fades over the training."""

from __future__ import annotations

import torch
from torch import Tensor

from ganworks.augment.base import Fading
from ganworks.regularizer.gradient import normal


class InstanceNoise(Fading):
    """x + sigma e, e ~ N(0, I), for reals and fakes alike; sigma falls to 0 with the images.

    Arjovsky and Bottou 2017, section 3 (https://arxiv.org/abs/1701.04862), and Sonderby et al. 2017
    (https://arxiv.org/abs/1610.04490), appendix: real and generated samples lie on thin sets that do not meet, so that
    a discriminator tells them apart without an error and teaches nothing; under noise their densities overlap. It takes
    samples of every kind. Of two fields with the same draws both get the same noise, where their shapes are one.

    Args:
        sigma: standard deviation, from 0 up, in units of the samples; a number, or a schedule (`ganworks.schedule`)
            with a ``num_images`` of its own.

    Raises:
        SettingError: a negative sigma, or a schedule without a length.
    """

    def forward(self, x: Tensor, rng: torch.Generator) -> Tensor:
        sigma = self.sigma
        return x + sigma * normal(x, rng) if sigma > 0 else x
