"""Orthogonal regularization of weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from ganworks.errors import check_choice
from ganworks.regularizer.base import Regularizer, WeightSchedule

PLAYERS = ("generator", "discriminator")


class Orthogonal(Regularizer):
    """Sum over the weights of |W W^T * (1 - I)|_F^2: rows of a weight are orthogonal, at any length.

    Brock et al. 2019 (BigGAN), equation 3 (https://arxiv.org/abs/1809.11096), with weight 1e-4 for the generator: what
    lets it take truncated latents. W is a convolution or a dense layer as a matrix (out, rest), without spectral norm;
    embeddings are left out.

    Args:
        weight: see `Regularizer`.
        player: "generator" or "discriminator".
        every: see `Regularizer`.

    Raises:
        SettingError: an unknown ``player``, or as `Regularizer` does.
    """

    reads_fakes: ClassVar[bool] = False

    def __init__(
        self, weight: float | WeightSchedule = 1e-4, player: str = "generator", every: int = 1
    ) -> None:
        super().__init__(weight, every)
        self.player = check_choice("player", player, PLAYERS)  # type: ignore[misc]

    def penalty(
        self, network: Callable[..., Any], batch: Mapping[str, Tensor], rng: torch.Generator
    ) -> Tensor | None:
        module = network if isinstance(network, nn.Module) else network.network  # type: ignore[attr-defined]
        terms = [off_diagonal(weight) for weight in weights_of(module)]
        return torch.stack(terms).sum() if terms else None

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, player={self.player}"


def off_diagonal(weight: Tensor) -> Tensor:
    """Return |W W^T * (1 - I)|_F^2 of a weight (out, ...) as a matrix (out, rest), in float32.

    With more rows than columns the smaller W^T W has the same norm, from which the diagonal of W W^T is taken.

    >>> off_diagonal(torch.tensor([[1.0, 0.0], [1.0, 2.0]]))
    tensor(2.)
    """
    with torch.autocast(weight.device.type, enabled=False):
        matrix = weight.flatten(1)
        if matrix.shape[0] > matrix.shape[1]:
            return (matrix.t() @ matrix).square().sum() - matrix.square().sum(1).square().sum()
        product = matrix @ matrix.t()
        return (product - torch.diag(product.diagonal())).square().sum()


def weights_of(network: nn.Module) -> list[Tensor]:
    """Return the trained weights of the dense layers and convolutions, as they are stored."""
    weights: list[Tensor] = []
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
            is_changed = is_parametrized(layer, "weight")
            weights.append(layer.parametrizations.weight.original if is_changed else layer.weight)  # type: ignore[union-attr, arg-type]
    return [weight for weight in weights if weight.requires_grad]
