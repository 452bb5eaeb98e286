"""Losses on unbounded logits: least squares, hinge and Wasserstein."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import relu

from ganworks.errors import SettingError
from ganworks.loss.base import AdversarialLoss, check_margin


@dataclass(frozen=True)
class LeastSquares(AdversarialLoss):
    """LSGAN: D minimises (D(x) - b)^2 / 2 + (D(G(z)) - a)^2 / 2, G minimises (D(G(z)) - c)^2 / 2.

    Mao et al. 2017, equations 2 and 9 (https://arxiv.org/abs/1611.04076).

    Args:
        a: the discriminator's target for fake samples.
        b: the discriminator's target for real samples.
        c: what the generator wants the discriminator to say; a = -1, b = 1, c = 0 is Pearson's chi^2.
    """

    a: float = 0.0
    b: float = 1.0
    c: float = 1.0

    def __post_init__(self) -> None:
        if self.a == self.b:
            raise SettingError("b", self.b, f"different from a={self.a}")

    @property
    def centred(self) -> bool:
        return self.a + self.b == 0

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return 0.5 * ((real_logits - self.b).square().mean() + (fake_logits - self.a).square().mean())

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return 0.5 * (fake_logits - self.c).square().mean()


@dataclass(frozen=True)
class Hinge(AdversarialLoss):
    """Hinge: D minimises max(0, m - D(x)) + max(0, m + D(G(z))), G minimises -D(G(z)).

    Lim and Ye 2017 (https://arxiv.org/abs/1705.02894); Miyato et al. 2018, equations 16 and 17
    (https://arxiv.org/abs/1802.05957).

    Args:
        margin: m, above 0.
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        check_margin(self.margin)

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return relu(self.margin - real_logits).mean() + relu(self.margin + fake_logits).mean()

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return -fake_logits.mean()


@dataclass(frozen=True)
class Wasserstein(AdversarialLoss):
    """Wasserstein: D minimises D(G(z)) - D(x), G minimises -D(G(z)); D must be kept Lipschitz.

    Arjovsky et al. 2017, equations 2 and 3 (https://arxiv.org/abs/1701.07875). The constraint is a
    regularizer: `WeightClip` in that paper, `GradientPenalty` in Gulrajani et al. 2017.
    """

    lipschitz: ClassVar[bool] = True

    @property
    def centred(self) -> bool:
        return False

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return fake_logits.mean() - real_logits.mean()

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return -fake_logits.mean()
