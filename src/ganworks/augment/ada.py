"""Adaptive discriminator augmentation: the whole pipeline of Karras et al. 2020, https://arxiv.org/abs/2006.06676."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ganworks.augment.adaptive import Adaptive
from ganworks.augment.colour import color_map, num_colors, recolored
from ganworks.augment.corrupt import SIGMA, cut, filtered, kernels
from ganworks.augment.diffaugment import check_images
from ganworks.augment.geometry import affine, warp
from ganworks.augment.law import GROUPS, draw, gated
from ganworks.errors import check_range
from ganworks.noise import keyed_seed
from ganworks.schedule import ValueSchedule


class Ada(Adaptive):
    """Eighteen random transformations in six groups, each applied with probability p times its group's multiplier.

    The generator does not learn to draw augmented images as long as p stays below about .8: what acts on a share of the
    images, or over a whole range of its strength, can be undone in distribution (Karras et al. 2020, section 2.2 and
    appendix C). At p = 0 images pass untouched. Clips get one change for all of their frames; of two fields that are
    augmented with the same draws both get the same one.

    All but the pixels of the noise is drawn on the CPU, and so are the matrices: how far images have to be continued
    beyond their border is then known without waiting for a device.

    Args:
        blit: multiplier of mirroring, quarter turns and shifts by whole pixels.
        geometry: of scalings, rotations, stretchings and shifts.
        color: of brightness, contrast, inverted luma, hue and saturation; of grey images the first three. Opacity (the
            last of two or four channels) stays; more channels need 0.
        filter: of four bands of frequencies; it takes images of 22 pixels and more.
        noise: of Gaussian noise.
        cutout: of a square of half of the sides, set to 0.
        probability, target, adjust_images, every, signal: see `Adaptive`.

    Raises:
        SettingError: a setting that is out of range, or images that it does not take.
    """

    def __init__(
        self,
        blit: float = 1.0,
        geometry: float = 1.0,
        color: float = 1.0,
        filter: float = 0.0,
        noise: float = 0.0,
        cutout: float = 0.0,
        probability: float | ValueSchedule = 0.0,
        target: float | None = 0.6,
        adjust_images: int = 500_000,
        every: int = 4,
        signal: str = "auto",
    ) -> None:
        super().__init__(probability, target, adjust_images, every, signal)
        multipliers = dict(zip(GROUPS, (blit, geometry, color, filter, noise, cutout), strict=True))
        self.multipliers = {name: check_range(name, value, 0.0) for name, value in multipliers.items()}

    def forward(self, x: Tensor, rng: torch.Generator) -> Tensor:
        check_images(x)
        if self.multipliers["color"]:
            num_colors(x.shape[1])  # an error now, not once p has risen
        p = self.p
        groups = {name: factor * p for name, factor in self.multipliers.items() if factor * p > 0}
        if not groups:
            return x
        values = gated(draw(groups, len(x), on_host(rng)), groups)
        noise = None
        if "noise" in groups:
            shape = (*x.shape[:2], *[1] * (x.dim() - 4), *x.shape[-2:])  # alike in all frames of a clip
            noise = torch.randn(shape, generator=rng, device=rng.device)
        return transformed(x, values, noise)


def transformed(x: Tensor, values: Mapping[str, Tensor], noise: Tensor | None = None) -> Tensor:
    """Return samples (B, C, ..., H, W) after the transformations that have values, in float32 or better.

    Args:
        values: by transformation of `LAWS`, (B,) or (B, num), on the CPU.
        noise: N(0, 1) for the transformation of that name, broadcast to ``x``.
    """
    with torch.autocast(x.device.type, enabled=False):
        y = x.to(torch.promote_types(x.dtype, torch.float32))
        if (maps := affine(values, x.shape[-1], x.shape[-2])) is not None:
            y = warp(y.flatten(1, -3), maps).view(x.shape)
        if (colors := color_map(values)) is not None:
            y = recolored(y, colors)
        if (filters := kernels(values)) is not None:
            y = filtered(y.flatten(1, -3), filters).view(x.shape)
        if "noise" in values and noise is not None:
            sigma = (SIGMA * values["noise"].abs()).view(-1, *[1] * (x.dim() - 1))
            y = y + sigma.to(y) * noise.to(y)
        if "cutout" in values:
            y = cut(y.flatten(1, -3), values["cutout"]).view(x.shape)
    return y.to(x.dtype)


def on_host(rng: torch.Generator) -> torch.Generator:
    """Return random numbers of the CPU that depend on the seed of ``rng`` alone; ``rng`` itself if it is the CPU's."""
    if rng.device.type == "cpu":
        return rng
    return torch.Generator().manual_seed(keyed_seed(rng.initial_seed(), "ada"))
