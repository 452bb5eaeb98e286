"""FastGAN's self-supervision: the discriminator's maps must hold the real images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ganworks.errors import SettingError, check_choice
from ganworks.regularizer.base import Regularizer, WeightSchedule

DISTANCES = ("l1", "lpips")
WITHOUT = "regularizer.reconstruction.distance=l1 compares pixels and needs no weights"


class Reconstruction(Regularizer):
    """E|decoder(f(x)) - x| of real images: what small decoders make of the discriminator's maps, beside the images.

    Liu et al. 2021 (FastGAN), section 3.2, equation 4 (https://arxiv.org/abs/2101.04775). The discriminator returns
    ``reconstruction`` and ``target`` (N, C, S, S), as `FastGANDiscriminator` does, of the images as it saw them.

    Args:
        weight, every: see `Regularizer`; 1 and 1 in the paper.
        distance: "l1" of pixels, or "lpips" as in the paper's figures, on VGG16.
        weights: the file of VGG16's weights; None is torch.hub's place for it.

    Raises:
        SettingError: an unknown ``distance``; in training, a discriminator without decoders.
        GanworksError: the weights of VGG16 are missing.
    """

    def __init__(
        self,
        weight: float | WeightSchedule = 1.0,
        every: int = 1,
        distance: str = "l1",
        weights: str | None = None,
    ) -> None:
        super().__init__(weight, every)
        self.lpips: Any = None  # no module: its weights are neither trained nor in a checkpoint
        if check_choice("distance", distance, DISTANCES) == "lpips":
            from ganworks.metric.extractor import Lpips

            self.lpips = Lpips(weights, setting="regularizer.reconstruction.weights", without=WITHOUT)
            self.lpips.check()

    def penalty(
        self, network: Callable[..., Any], batch: Mapping[str, Tensor], rng: torch.Generator
    ) -> Tensor:
        if "real_reconstruction" not in batch:
            allowed = "used with a discriminator that reconstructs, such as that of model=fastgan"
            raise SettingError("regularizer.reconstruction", "on", allowed)
        made, true = batch["real_reconstruction"].float(), batch["real_target"].float()
        if self.lpips is not None:
            return self.lpips.between(made, true).mean()
        return (made - true).abs().mean()
