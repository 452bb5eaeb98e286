"""Two networks of which one is far larger than the other, and the widths that would make them alike."""

from __future__ import annotations

import math

from ganworks.doctor.setup import Setup

# Parameters of one network over those of the other from which on the smaller one is named. In the experiments with two
# networks of a kind the ratio is at most 4; the tiny networks of benchmarks/doctor.py have a hundredth and less.
FAR = 10.0
OTHER = {"generator": "discriminator", "discriminator": "generator"}


def ratio(setup: Setup, role: str) -> float:
    """Return the parameters of the other network over those of ``role``; 1 where they are not known."""
    own, other = (setup.num_parameters.get(name, 0) for name in (role, OTHER[role]))
    return other / own if own and other else 1.0


def wider(setup: Setup, role: str) -> list[str]:
    """Return the width at which ``role`` is as large as the other network, where it is far smaller.

    Parameters grow with the square of a width. A network is made no wider than the other where both have the same
    setting, unless it is as wide already: then another of its layers is narrow, for which more channels make up.
    """
    times = ratio(setup, role)
    if times < FAR or role not in setup.widths:
        return []
    name, width = setup.widths[role]
    other_name, other = setup.widths.get(OTHER[role], ("", 0))
    largest = other if name == other_name and other > width else math.inf
    found = divisible(min(width * math.sqrt(times), largest))
    return [f"model.{role}.{name}={found}"] if found > width else []


def narrower(setup: Setup, role: str) -> list[str]:
    """Return the width at which ``role`` is as small as the other network, where it is far larger."""
    times = 1 / ratio(setup, role)
    if times < FAR or role not in setup.widths:
        return []
    name, width = setup.widths[role]
    found = divisible(max(width / math.sqrt(times), 1))
    return [f"model.{role}.{name}={found}"] if found < width else []


def balanced(setup: Setup) -> list[str]:
    """Return a greater width of the network that is far smaller than the other, if there is one."""
    return wider(setup, "generator") or wider(setup, "discriminator")


def divisible(width: float) -> int:
    """Return a width near ``width`` that groups of channels can share: a multiple of 16, of 4 below 16.

    >>> [divisible(width) for width in (1.7, 5, 13, 90)]
    [2, 4, 12, 96]
    """
    step = 16 if width >= 16 else 4 if width >= 4 else 1
    return max(1, round(width / step) * step)
