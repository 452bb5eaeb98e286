"""Adaptive pseudo augmentation: fakes among the discriminator's reals."""

from __future__ import annotations

import torch
from torch import Tensor

from ganworks.augment.adaptive import Adaptive


class Apa(Adaptive):
    """Each real is replaced by a fake with probability p in the discriminator's updates, Jiang et al. 2021.

    https://arxiv.org/abs/2111.06849: a discriminator that knows the few reals by heart is deceived the more, the more
    sure of them it is. The samples themselves stay as they are, so that it serves all kinds of them. p follows what
    the discriminator says of all that it is shown as real. Arguments: see `Adaptive`.
    """

    def replaced(self, num: int, rng: torch.Generator) -> Tensor | None:
        p = self.p
        return torch.rand(num, generator=rng, device=rng.device) < p if p > 0 else None
