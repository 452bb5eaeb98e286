"""Feature matching: the fakes have the reals' mean in the discriminator's last features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from ganworks.model.layer.branch import branch
from ganworks.regularizer.base import Regularizer, WeightSchedule, check_weight, in_float
from ganworks.regularizer.consistency import FEATURES
from ganworks.task.state import global_mean


class FeatureMatching(Regularizer):
    """|E f(x) - E f(G(z))|^2 for the generator, f the discriminator's last features, summed over them.

    Salimans et al. 2016, section 3.1 (https://arxiv.org/abs/1606.03498). There it takes the place of the adversarial
    term; here it stands beside it. The means are those of the global batch; of a batch in parts (`task.accumulate`),
    of the part.

    Args:
        generator_weight: see `Regularizer`.

    Raises:
        SettingError: when the task is made, a discriminator whose last layer is not found.
    """

    compares: ClassVar[bool] = True

    def __init__(self, generator_weight: float | WeightSchedule = 1.0) -> None:
        super().__init__()
        check_weight(generator_weight)
        self.generator_weight = generator_weight

    def prepare(self, network: nn.Module) -> None:
        branch(network, FEATURES)

    def generator_term(self, batch: Mapping[str, Tensor]) -> Tensor:
        real, fake = (mean_of_all(batch[f"{side}_{FEATURES}"]) for side in ("real", "fake"))
        return (real.detach() - fake).square().sum()

    def extra_repr(self) -> str:
        return f"generator_weight={self.generator_weight}"


def mean_of_all(features: Tensor) -> Tensor:
    """Return the mean (F,) of features (B, F) of all ranks, with the gradient of this rank's own.

    Averaged over the ranks, as gradients are, the gradient of a function of it is then that of the global mean.
    """
    mean = in_float(features).mean(0)
    return global_mean(mean) + (mean - mean.detach())
