"""What ADA draws for each sample: the values of its transformations and the gates that let them act."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class Law:
    """How a transformation is drawn, Karras et al. 2020 (ADA), appendix B.

    Args:
        group: whose multiplier it has.
        is_normal: N(0, 1) instead of U(0, 1).
        num: numbers a sample.
        neutral: the value that changes nothing.
    """

    group: str
    is_normal: bool = False
    num: int = 1
    neutral: float = 0.0


LAWS: dict[str, Law] = {  # in the order in which they are drawn and applied
    "xflip": Law("blit"),
    "rotate90": Law("blit"),
    "xint": Law("blit", num=2, neutral=0.5),
    "scale": Law("geometry", is_normal=True),
    "pre_rotation": Law("geometry", neutral=0.5),
    "aniso": Law("geometry", is_normal=True),
    "post_rotation": Law("geometry", neutral=0.5),
    "xfrac": Law("geometry", is_normal=True, num=2),
    "brightness": Law("color", is_normal=True),
    "contrast": Law("color", is_normal=True),
    "lumaflip": Law("color"),
    "hue": Law("color", neutral=0.5),
    "saturation": Law("color", is_normal=True),
    **{f"band{index}": Law("filter", is_normal=True) for index in range(4)},
    "noise": Law("noise", is_normal=True),
    "cutout": Law("cutout", num=2, neutral=math.inf),  # a centre so far away that nothing is cut
}
GROUPS = tuple(dict.fromkeys(law.group for law in LAWS.values()))


class Draw(NamedTuple):
    """One transformation's draw: ``value`` (B,) or (B, num), and ``gate`` (B,), U(0, 1), open below the probability."""

    value: Tensor
    gate: Tensor


Draws = dict[str, Draw]


def draw(groups: Mapping[str, float], num: int, rng: torch.Generator) -> Draws:
    """Return the draws of ``num`` samples for the transformations of ``groups``, the value first, then its gate."""
    draws: Draws = {}
    for name, law in LAWS.items():
        if law.group in groups:
            sample = torch.randn if law.is_normal else torch.rand
            value = sample((num, law.num) if law.num > 1 else (num,), generator=rng, device=rng.device)
            draws[name] = Draw(value, torch.rand(num, generator=rng, device=rng.device))
    return draws


def gated(draws: Draws, groups: Mapping[str, float]) -> dict[str, Tensor]:
    """Return the values, neutral ones where the gate is closed.

    Args:
        draws: by transformation.
        groups: by group the probability that a transformation acts.
    """
    values = {}
    for name, (value, gate) in draws.items():
        probability = groups[LAWS[name].group]
        if name.endswith("_rotation"):  # twice, so that a sample is turned with the group's probability
            probability = 1 - math.sqrt(1 - min(max(probability, 0.0), 1.0))
        is_open = (gate < probability).view(-1, *[1] * (value.dim() - 1))
        values[name] = value.where(is_open, torch.full_like(value, LAWS[name].neutral))
    return values
