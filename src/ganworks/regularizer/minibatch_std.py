"""How much the samples of a batch differ, told to any discriminator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_count
from ganworks.model.layer import minibatch_std
from ganworks.model.layer.branch import branch
from ganworks.model.layer.head import along
from ganworks.regularizer.base import Regularizer

TERM = "minibatch_std"


class MinibatchDeviation(Regularizer):
    """Logit + w s, s the mean over the last features of their deviation in a group: a feature of a linear head more.

    Karras et al. 2018 (progressive growing, https://arxiv.org/abs/1710.10196), section 3, at the features (B, F) that
    the logits are made of, see `ganworks.model.layer.minibatch_std.MinibatchStd`. Of maps and tokens it takes the mean
    over places first. w begins as a weight of such a head does. The logits of a group depend on all of its samples:
    as in StyleGAN2's code, penalties take the gradient of their sum all the same.

    Args:
        group_size: samples a group, a divisor of the batch, from 2 up.

    Raises:
        SettingError: ``group_size`` is no such count; in `prepare`, a discriminator that has such a feature.
    """

    def __init__(self, group_size: int = 4) -> None:
        super().__init__()
        self.group_size = check_count("group_size", group_size, at_least=2)

    def prepare(self, network: nn.Module) -> None:
        if any(isinstance(layer, minibatch_std.MinibatchStd) for layer in network.modules()):
            named = type(network).__name__
            allowed = (
                f"left out: {named} has a minibatch deviation of its own (model.discriminator.group_size)"
            )
            raise SettingError("group_size", self.group_size, allowed)
        branch(network, TERM, self.term)
        network.register_forward_hook(add_term)

    def term(self, num_features: int) -> nn.Module:
        """Return the head that makes w s of features (B, F)."""
        return DeviationTerm(num_features, self.group_size)

    def extra_repr(self) -> str:
        return f"group_size={self.group_size}"


class DeviationTerm(nn.Module):
    """w s of features (B, F), (B,).

    Args:
        num_features: F.
        group_size: see `MinibatchDeviation`.
    """

    def __init__(self, num_features: int, group_size: int) -> None:
        super().__init__()
        self.std = minibatch_std.MinibatchStd(group_size)
        bound = (num_features + 1) ** -0.5  # that of a linear layer with one feature more
        self.weight = nn.Parameter(torch.empty(1).uniform_(-bound, bound))

    def forward(self, features: Tensor) -> Tensor:
        return self.weight * self.std(features[:, :, None, None])[:, -1, 0, 0]


def add_term(network: nn.Module, arguments: Any, said: dict[str, Any]) -> dict[str, Any]:
    """Add the term to the logits (B, ...) of a discriminator: its forward hook behind that of the branches."""
    others = {name: value for name, value in said.items() if name != TERM}
    return others | {"logits": said["logits"] + along(said[TERM], said["logits"])}
