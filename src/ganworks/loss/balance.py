"""BEGAN's loss, which balances an autoencoder against the generator."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_range
from ganworks.loss.base import AdversarialLoss, Said
from ganworks.task.state import global_mean


class Began(nn.Module, AdversarialLoss):
    """BEGAN: D minimises L(x) - k L(G(z)), G minimises L(G(z)), L = -logit, the mean error of an autoencoder.

    k <- clip(k + rate (gamma L(x) - L(G(z))), 0, 1) after each update of the discriminator, from 0 on, keeps the fakes'
    error at gamma times that of the reals; M = L(x) + |gamma L(x) - L(G(z))| says how far the training is. Berthelot
    et al. 2017, sections 3.3 and 3.4 (https://arxiv.org/abs/1703.10717). Both means are those of all devices; a batch
    in parts (`task.accumulate`) counts as so many updates.

    Args:
        gamma: in [0, 1]; smaller ones give sharper and fewer kinds of samples.
        rate: lambda_k, from 0 up: how fast k follows.

    Attributes:
        k: the weight of the fakes' error.
        convergence: M of the last update.

    Raises:
        SettingError: a setting that is out of range; in training, a discriminator that is no autoencoder.
    """

    balanced: ClassVar[bool] = True
    k: Tensor
    convergence: Tensor

    def __init__(self, gamma: float = 0.5, rate: float = 1e-3) -> None:
        super().__init__()
        self.gamma, self.rate = check_range("gamma", gamma, 0.0, 1.0), check_range("rate", rate, 0.0)
        for name in ("k", "convergence"):
            self.register_buffer(name, torch.zeros(()))

    @property
    def centred(self) -> bool:
        return False

    def discriminator_of(self, real: Said, fake: Said) -> Tensor:
        if "reconstruction" not in real:
            allowed = (
                "used with an autoencoder as the discriminator: that of model=began, or began_mlp for points"
            )
            raise SettingError("loss", "began", allowed)
        return super().discriminator_of(real, fake)

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        # A copy: `observe` changes k before the backward pass reads it.
        return self.k.clone().to(fake_logits) * fake_logits.mean() - real_logits.mean()

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return -fake_logits.mean()

    @torch.no_grad()
    def observe(self, real: Said, fake: Said) -> None:
        of_real, of_fake = (-global_mean(said["logits"].mean()).to(self.k) for said in (real, fake))
        lead = self.gamma * of_real - of_fake
        # An overflow, whose update is left out, would make k NaN for ever.
        self.k.add_((self.rate * lead).nan_to_num(0.0, 0.0, 0.0)).clamp_(0, 1)
        self.convergence.copy_(of_real + lead.abs())

    @property
    def scalars(self) -> dict[str, Tensor]:
        return {"k": self.k.clone(), "convergence": self.convergence.clone()}

    def extra_repr(self) -> str:
        return f"gamma={self.gamma}, rate={self.rate}"
