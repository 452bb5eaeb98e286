"""A generator that draws at several depths, and critics that see all its levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_count, check_range
from ganworks.model.base import conditions_of, networks_of, noise_of
from ganworks.regularizer.level_consistency import distance_of_levels
from ganworks.task.adversarial import AdversarialTask
from ganworks.task.base import Batch, Terms
from ganworks.task.critic import Critic
from ganworks.task.view import View


class LevelsTask(AdversarialTask):
    """Adversarial training of a generator of several levels, such as `TransformerGenerator`.

    GAT, Hyun et al. 2025 (https://arxiv.org/abs/2509.24935). A batch gets ``levels`` (B, L C, H, W), the first level
    first, beside ``fake``, the last; a critic judges them with ``fake: levels`` and the view `Levels`. Augmentations
    change all levels of a sample alike.

    Args:
        consistency: weight of the mean squared difference of each level before the last from the last one, which is
            not moved by it: CAT (https://arxiv.org/abs/2605.26449), whose own weight is not public. As a regularizer,
            with a schedule, it is regularizer=level_consistency.
        kwargs: see `AdversarialTask`.

    Raises:
        SettingError: ``consistency`` is below 0, or the generator has no levels.
    """

    def __init__(self, consistency: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.consistency = check_range("consistency", consistency, 0.0)
        if not hasattr(self.generator, "levels_of"):
            given = type(self.generator).__name__
            raise SettingError(
                "model.generator", given, "a network with levels under task=levels, such as model=transformer"
            )
        self.num_channels = int(self.generator.shape[0])  # type: ignore[index]

    @staticmethod
    def produce(generator: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ``fake`` (B, C, H, W) and ``levels`` (B, L C, H, W) of which it is the last."""
        (network,) = networks_of(generator).values()
        names = (*noise_of(network), *conditions_of(network))
        levels = network(**{name: inputs[name] for name in names}, levels=True)
        return {"fake": levels[:, -int(network.shape[0]) :], "levels": levels}  # type: ignore[index]

    def augmented(self, sample: Tensor, stream: str) -> Tensor:
        # A stream gives the same draws each time that it is asked for.
        levels = sample.split(self.num_channels, 1)
        return torch.cat([super(LevelsTask, self).augmented(level, stream) for level in levels], 1)

    def keep_look(self, critic: Critic, seen: Batch) -> None:
        # Whoever watches compares samples with samples: of the levels the last.
        super().keep_look(critic, {**seen, "fake": seen["fake"][:, -self.num_channels :]})

    def generator_terms(self, batch: Batch) -> Terms:
        terms = super().generator_terms(batch)
        if self.consistency:
            terms["consistency"] = self.consistency * distance_of_levels(batch["levels"], self.num_channels)
        return terms


class Levels(View):
    """All levels of a sample, one above the other in the channels, perhaps under noise: (B, L C, H, W).

    A sample that is a single image, such as a real one, is every level. Multi-level noise-perturbed guidance (GAT,
    section 3): level k shows (1 - t_k) x_k + t_k e_k, e_k ~ N(0, I), and the noise is nested. From the clean end on it
    is scaled with the image by (1 - t) / (1 - t_before) and topped up to the variance t^2. With L levels,
    t_k = 1 - base^((L - k) / (L - 1)) + floor.

    Args:
        channels: C of one level.
        num: levels L.
        base: above 0 and up to 1; .125 gives .885, .76, .51, .01 for four levels. None shows them without noise.
        floor: noise of the last level, from 0 to below base.

    Raises:
        SettingError: a count, ``base`` or ``floor`` that cannot be.

    >>> [round(t, 3) for t in Levels(3).times]
    [0.885, 0.76, 0.51, 0.01]
    """

    def __init__(self, channels: int, num: int = 4, base: float | None = 0.125, floor: float = 0.01) -> None:
        self.channels, self.num = check_count("channels", channels), check_count("num", num)
        if base is not None and (not check_range("base", base, 0.0, 1.0) or not 0 <= floor < base):
            raise SettingError("floor", floor, f"a number from 0 to below base={base}")
        steps = [(self.num - k) / max(1, self.num - 1) for k in range(1, self.num + 1)]
        self.times: Sequence[float] = () if base is None else [1 - base**s + floor for s in steps]

    def __call__(self, sample: Tensor, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        levels = list(sample.split(self.channels, 1))
        levels = levels * self.num if len(levels) == 1 else levels
        if not self.times:
            return torch.cat(levels, 1)
        noise, before, shown = torch.zeros_like(levels[-1]), 0.0, list[Tensor]()
        for level, t in zip(reversed(levels), reversed(self.times), strict=True):
            share = (1 - t) / (1 - before)
            fresh = torch.randn(level.shape, generator=rng, device=rng.device).to(level)
            # What is left of the noise has the standard deviation share * before.
            noise = share * noise + (t**2 - (share * before) ** 2) ** 0.5 * fresh
            shown.append((1 - t) * level + noise)
            before = t
        return torch.cat(shown[::-1], 1)
