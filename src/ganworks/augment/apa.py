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

    def mix(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        if (p := self.p) <= 0:
            return real
        is_fake = torch.rand(len(real), generator=rng, device=rng.device).to(real.device) < p
        return fake.to(real.dtype).where(is_fake.view(-1, *[1] * (real.dim() - 1)), real)
