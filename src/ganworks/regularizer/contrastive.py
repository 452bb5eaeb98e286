"""Classes by contrast: a sample's embedding is near its class's proxy, and far from samples of other classes."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_count, check_range
from ganworks.model.layer.proxy import ProxyHead
from ganworks.regularizer.base import WeightSchedule
from ganworks.regularizer.classes import ClassRegularizer


class Contrastive(ClassRegularizer):
    """The conditional contrastive loss 2C, the mean over a batch of -log a_i / b_i.

    a_i = exp(l_i e(y_i) / t) + sum over k != i with y_k = y_i of exp(l_i l_k / t), and b_i the same over all k != i,
    of embeddings l and proxies e on the unit sphere: Kang and Park 2020 (ContraGAN), equation 8
    (https://arxiv.org/abs/2006.12681). The discriminator minimises it on reals, the generator on its fakes. The batch
    is that of one process, and of one part of it (`task.accumulate`).

    The proxy is one term of a_i among as many as there are samples of a class in the batch. Where these are several, as
    of 10 classes in 64, fakes that stand together by class satisfy the generator whichever proxy they stand at: classes
    change places. On the digits after 40,000 images, one seed, .66 of the samples were of the class asked for at t = 1,
    .20 at .5, .01 at .2, .17 at .1; under `DataToDataCrossEntropy` .98. It suits many classes in small batches.

    Args:
        num_classes, weight, every, generator_weight: see `ClassRegularizer`; both weights are 1 in the paper.
        dim: length of an embedding.
        temperature: t, above 0.
    """

    setting: ClassVar[str] = "regularizer.contrastive"
    head: ClassVar[str] = "proximity"

    def __init__(
        self,
        num_classes: int,
        weight: float | WeightSchedule = 1.0,
        every: int = 1,
        generator_weight: float | WeightSchedule = 1.0,
        dim: int = 128,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(num_classes, weight, every, generator_weight)
        self.dim, self.temperature = check_count("dim", dim), check_temperature(temperature)

    def make_head(self, num_features: int) -> nn.Module:
        return ProxyHead(num_features, self.num_classes, self.dim)

    def class_logits(self, said: Tensor) -> Tensor:
        return said[:, : self.num_classes]

    def term(self, said: Tensor, label: Tensor) -> Tensor:
        cosines, embedding = self.class_logits(said), said[:, self.num_classes :]
        own = cosines.gather(1, label[:, None])
        with torch.autocast(said.device.type, enabled=False):  # it would take the cosines in half precision
            pairs = embedding @ embedding.T
        return self.contrast(own, pairs, label[:, None] == label)

    def contrast(self, own: Tensor, pairs: Tensor, same: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            own: (B, 1), cosines of the samples with their classes' proxies.
            pairs: (B, B), cosines of the samples with each other.
            same: (B, B), which of them are of one class.
        """
        itself = torch.eye(len(same), dtype=torch.bool, device=same.device)
        own, pairs = own / self.temperature, pairs / self.temperature
        positive, every = pairs.masked_fill(~same | itself, -torch.inf), pairs.masked_fill(itself, -torch.inf)
        return (total([own, every]) - total([own, positive])).mean()


class DataToDataCrossEntropy(Contrastive):
    """D2D-CE, the mean over a batch of -log p_i / (p_i + sum over j with y_j != y_i of exp([f_i f_j - m_n]_+ / t)).

    p_i = exp([f_i v(y_i) - m_p]_- / t), of embeddings f and proxies v on the unit sphere, [.]_- = min(., 0) and
    [.]_+ = max(., 0): Kang et al. 2021 (ReACGAN), section 3.2 (https://arxiv.org/abs/2111.01118). Samples of one class
    are no negatives of each other; positives beyond m_p and negatives below m_n pull no more.

    Args:
        num_classes, weight, every, generator_weight: see `ClassRegularizer`.
        dim: length of an embedding.
        temperature: t, above 0.
        positive_margin: m_p, from -1 to 1.
        negative_margin: m_n, from -1 to 1.
    """

    setting: ClassVar[str] = "regularizer.d2d_ce"

    def __init__(
        self,
        num_classes: int,
        weight: float | WeightSchedule = 1.0,
        every: int = 1,
        generator_weight: float | WeightSchedule = 1.0,
        dim: int = 128,
        temperature: float = 0.5,
        positive_margin: float = 0.98,
        negative_margin: float = -0.02,
    ) -> None:
        super().__init__(num_classes, weight, every, generator_weight, dim, temperature)
        self.positive_margin = check_range("positive_margin", positive_margin, -1.0, 1.0)
        self.negative_margin = check_range("negative_margin", negative_margin, -1.0, 1.0)

    def contrast(self, own: Tensor, pairs: Tensor, same: Tensor) -> Tensor:
        positive = (own - self.positive_margin).clamp(max=0) / self.temperature
        negative = (pairs - self.negative_margin).clamp(min=0) / self.temperature
        return (total([positive, negative.masked_fill(same, -torch.inf)]) - positive[:, 0]).mean()


def total(parts: list[Tensor]) -> Tensor:
    """Return log sum exp of each row of several columns, (B,)."""
    return torch.cat(parts, 1).logsumexp(1)


def check_temperature(temperature: float) -> float:
    """Return a temperature; raise `SettingError` unless it is above 0."""
    if not temperature > 0:
        raise SettingError("temperature", temperature, "a number above 0")
    return temperature
