"""The noise that a generator asks for: by name, shape and law."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ganworks.errors import SettingError, check_choice

Rng = Callable[[str], torch.Generator]
"""From the name of a stream to its random numbers, a function of a key alone."""


@dataclass(frozen=True)
class Noise:
    """Independent draws of one law, (num, *shape).

    Args:
        shape: of the noise of one sample.
        law: "normal" (N(0, 1)), "uniform" (in [0, 1)), "gumbel" (location 0, scale 1) or "one_hot": zeros but for a
            single 1 along the last dimension, wherever alike.

    Raises:
        SettingError: an unknown ``law``.

    >>> Noise((3,), "uniform").draw(2, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3])
    """

    shape: tuple[int, ...]
    law: str = "normal"

    def __post_init__(self) -> None:
        check_choice("law", self.law, ("normal", "uniform", "gumbel", "one_hot"))

    def draw(self, num: int, rng: torch.Generator, truncation: float | None = None) -> Tensor:
        """Return (num, *shape), drawn on the device of ``rng``.

        With ``truncation`` t a normal law is restricted to [-t, t]: less variety for more fidelity, Brock et al. 2019
        (BigGAN), section 3.1 (https://arxiv.org/abs/1809.11096). It leaves the other laws as they are.
        """
        shape = (num, *self.shape)
        if self.law == "normal":
            if truncation is not None:
                return truncated_normal(shape, rng, truncation)
            return torch.randn(shape, generator=rng, device=rng.device)
        if self.law == "one_hot":
            index = torch.randint(shape[-1], shape[:-1], generator=rng, device=rng.device)
            return one_hot(index, shape[-1]).float()
        uniform = torch.rand(shape, generator=rng, device=rng.device)
        if self.law == "uniform":
            return uniform
        # -log(-log u) by the inverse of the CDF; u = 0 would give infinity.
        return -(-uniform.clamp_min(torch.finfo(uniform.dtype).tiny).log()).log()


def truncated_normal(shape: tuple[int, ...], rng: torch.Generator, bound: float) -> Tensor:
    """Return draws of the normal distribution restricted to [-bound, bound], by the inverse of its CDF."""
    if not bound > 0:
        raise SettingError("truncation", bound, "a number above 0, or null for none")
    uniform = 2 * torch.rand(shape, generator=rng, device=rng.device) - 1
    normal = math.sqrt(2) * torch.erfinv(uniform * math.erf(bound / math.sqrt(2)))
    return normal.clamp(-bound, bound)
