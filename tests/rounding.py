"""The room that rounding leaves to figures which are computed in batches of another size, or on several devices.

The same sums are then added up in another order, by a kernel that the processor and the shapes decide on, and end in
other last digits. Equality is for the very same computation, done twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

# What is counted jumps by one where a comparison of two distances turns round, and that takes distances equal to
# their rounding, about 1e-6. Around N samples lie N k neighbours, and of those at a distance r to r (1 + 1e-6) there
# are N k d 1e-6 in d dimensions: a tenth of one for the digits, with d about 10. More than three do not happen, but
# where distances are the same by construction, as those of fakes that are copies of reals.
NUM_FLIPS = 3


def close_figures(
    values: Mapping[str, float], num_real: int, num_fake: int, num_neighbours: int = 5, rel: float = 1e-5
) -> dict[str, Any]:
    """Return ``values`` with the room that rounding leaves to each: counts for what is counted, else ``rel``.

    Args:
        num_real, num_fake: how many samples the figures are of.
        num_neighbours: k, which density divides its count by.
        rel: for what is not counted; features in float32 agree to about 1e-6.
    """
    count = {
        "precision": 1 / num_fake,
        "density": 1 / (num_neighbours * num_fake),
        "memorised": 1 / num_fake,
        "recall": 1 / num_real,
        "coverage": 1 / num_real,
    }
    return {
        name: pytest.approx(value, rel=rel, abs=NUM_FLIPS * count.get(name, 0.0))
        for name, value in values.items()
    }
