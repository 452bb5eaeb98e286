"""CAT's anchor: the earlier levels of a generator draw the sample that its last one draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganworks.errors import SettingError
from ganworks.regularizer.base import Regularizer


class LevelConsistency(Regularizer):
    """Sum over the levels before the last of E mean (x_k - sg(x_L))^2: they are pulled to the last, which stays.

    CAT (https://arxiv.org/abs/2605.26449), whose own weight is not public; of ``levels`` as task=levels makes them.

    Args:
        weight, every: see `Regularizer`.

    Raises:
        SettingError: before the training, a generator without levels.
    """

    player: ClassVar[str] = "generator"

    def penalty(
        self, network: Callable[..., Any], batch: Mapping[str, Tensor], rng: torch.Generator
    ) -> Tensor:
        if "levels" not in batch:
            allowed = "left out, or used with task=levels and a generator with levels"
            raise SettingError("regularizer.level_consistency", "on", allowed)
        return distance_of_levels(batch["levels"], batch["fake"].shape[1])


def distance_of_levels(levels: Tensor, num_channels: int) -> Tensor:
    """Return the sum of the mean squared differences of each level from the last one, which has no gradient.

    Args:
        levels: (B, L C, H, W), the last level last.
        num_channels: C of one level.

    >>> distance_of_levels(torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1), 1)
    tensor(13.)
    """
    *earlier, last = levels.split(num_channels, 1)
    return torch.stack([(level - last.detach()).square().mean() for level in earlier]).sum()
