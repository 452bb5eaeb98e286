"""The running average of the generator's weights and statistics, whose half-life is counted in images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils.parametrize import ParametrizationList
from torch.nn.utils.spectral_norm import SpectralNorm

from ganworks.errors import check_range
from ganworks.model.layer.spectral import SpectralLayer


class ExponentialMovingAverage:
    """average <- lerp(weights, average, 2^(-images / half_life)), Karras et al. 2018 (section 3), as in EDM.

    Args:
        half_life: images after which a weight's share in the average has halved; 0 copies the weights.
        ramp_up: while training is young the half-life is at most this share of `images_seen`, so that the
            average forgets the first, useless generators; None keeps the half-life constant.

    Raises:
        SettingError: a negative ``half_life`` or ``ramp_up``.
    """

    def __init__(self, half_life: float, ramp_up: float | None = 0.05) -> None:
        self.half_life = check_range("half_life", half_life, 0)
        self.ramp_up = None if ramp_up is None else check_range("ramp_up", ramp_up, 0)

    def decay(self, num_images: int, images_seen: int) -> float:
        """Return the average's weight after ``num_images`` more images, at ``images_seen`` in all."""
        half_life = (
            self.half_life if self.ramp_up is None else min(self.half_life, images_seen * self.ramp_up)
        )
        return 0.5 ** (num_images / half_life) if half_life > 0 else 0.0

    @torch.no_grad()
    def update(self, average: nn.Module, generator: nn.Module, num_images: int, images_seen: int) -> None:
        """Move ``average`` toward ``generator``: weights and floating buffers; see `average_buffers`."""
        weight = 1 - self.decay(num_images, images_seen)
        torch._foreach_lerp_(list(average.parameters()), list(generator.parameters()), weight)
        average_buffers(average, generator, weight)


def average_buffers(average: nn.Module, generator: nn.Module, weight: float) -> None:
    """Move the floating buffers of ``average`` toward those of ``generator`` by ``weight``; copy the others.

    A norm's running mean and variance belong to the weights that they were taken with: beside averaged weights those
    of the last few batches are off. BigGAN and StudioGAN average them too.
    """
    old, new = buffers_of(average), buffers_of(generator)
    if old["norm"]:
        torch._foreach_lerp_(old["norm"], new["norm"], weight)
    for mean, value in zip(old["other"], new["other"], strict=True):
        # It may be a constant: one stays as it is, to the bit, and an infinite one, as in a mask, infinite.
        mean.copy_(torch.where(mean == value, value, mean.lerp(value, weight)))
    if old["copied"]:
        torch._foreach_copy_(old["copied"], new["copied"])


def buffers_of(network: nn.Module) -> dict[str, list[Tensor]]:
    """Return the buffers of ``network`` by their treatment: "norm" and "other", which are averaged, and "copied".

    Copied is what is no floating number, such as a count of batches, and what a parametrization keeps beside a weight.
    Spectral norm keeps the unit vectors u and v of sigma = u^T W v, which in eval mode it does not renew: averages of
    unit vectors are shorter than one, so that sigma would be too small and the weight W / sigma too large. Those of the
    generator are of length one and follow the largest singular value of its weights, which the averaged ones are near.
    """
    buffers: dict[str, list[Tensor]] = {"norm": [], "other": [], "copied": []}
    copied = {id(buffer) for module in network.modules() for buffer in kept_beside_weights(module)}
    for module in network.modules():
        averaged = "norm" if isinstance(module, _NormBase) else "other"
        for buffer in module.buffers(recurse=False):
            is_averaged = buffer.is_floating_point() and id(buffer) not in copied
            buffers[averaged if is_averaged else "copied"].append(buffer)
    return buffers


def kept_beside_weights(module: nn.Module) -> list[Tensor]:
    """Return the buffers of the parametrizations of ``module``, and those of spectral norm in its other forms."""
    if isinstance(module, SpectralLayer):
        return module.spectral_vectors
    if isinstance(module, ParametrizationList):
        return list(module.buffers())
    hooks = [hook for hook in module._forward_pre_hooks.values() if isinstance(hook, SpectralNorm)]
    return [getattr(module, f"{hook.name}_{vector}") for hook in hooks for vector in "uv"]
