"""Historical averaging: the weights of a player stay near the mean of all that they have been."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganworks.errors import check_choice
from ganworks.regularizer.base import Regularizer, WeightSchedule
from ganworks.regularizer.orthogonal import PLAYERS


class HistoricalAverage(Regularizer):
    """|theta - 1/t sum_i theta_i|^2, summed over a player's trained weights; theta_1 are those that it begins with.

    Salimans et al. 2016, section 3.3 (https://arxiv.org/abs/1606.03498): it finds the equilibria of games around which
    gradient descent circles. The paper names no weight; the mean is history and has no gradient. It takes in the
    weights after each update of the player, and is kept in checkpoints beside the buffers: all ranks have the same.

    Args:
        weight: see `Regularizer`; the sum is over all weights, so that it holds a network of any size alike.
        player: "generator" or "discriminator".
        every: see `Regularizer`.

    Raises:
        SettingError: an unknown ``player``, or as `Regularizer` does.
    """

    reads_fakes: ClassVar[bool] = False
    differentiates_twice: ClassVar[bool] = False
    needs_whole_weights: ClassVar[bool] = True

    def __init__(
        self, weight: float | WeightSchedule = 0.01, player: str = "discriminator", every: int = 1
    ) -> None:
        super().__init__(weight, every)
        self.player = check_choice("player", player, PLAYERS)  # type: ignore[misc]
        # Not buffers: those would be averaged over the ranks at every step, and the network is not known yet.
        self._mean: dict[str, Tensor] = {}
        self._num = 0

    def penalty(
        self, network: Callable[..., Any], batch: Mapping[str, Tensor], rng: torch.Generator
    ) -> Tensor:
        module = network if isinstance(network, nn.Module) else network.network  # type: ignore[attr-defined]
        if self.training:  # not in the check before the training
            self._begin(module)
        mean, weights = self._mean, trained(module)
        distances = [(w - mean.get(name, w.detach())).square().sum() for name, w in weights.items()]
        return torch.stack(distances).sum()

    @torch.no_grad()
    def project(self, network: nn.Module) -> None:
        """Take the weights after an update into their mean; they stay as they are."""
        self._begin(network)
        self._num += 1
        weights = trained(network)
        torch._foreach_lerp_([self._mean[name] for name in weights], list(weights.values()), 1 / self._num)

    def _begin(self, network: nn.Module) -> None:
        """Let the history start with the present weights, or go on, on their device, where it was loaded."""
        mean = self._mean
        # A weight that `task.freeze` no longer names when the run goes on joins as it is then.
        self._mean = {
            name: mean[name].to(w) if name in mean else w.detach().clone()
            for name, w in trained(network).items()
        }
        self._num = max(self._num, 1)

    def get_extra_state(self) -> dict[str, Any]:
        return {"mean": self._mean, "num": self._num}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        self._mean, self._num = dict(state["mean"]), state["num"]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, player={self.player}"


def trained(network: nn.Module) -> dict[str, Tensor]:
    """Return the parameters of a network that are trained, by name."""
    return {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
