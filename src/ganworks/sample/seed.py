"""Keys of samples: one for all of them, or one for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ganworks.errors import SettingError

Seed = int | Sequence[int]
"""A key of all samples, or a key for each: then a sample does not depend on those beside it."""
RANGE = re.compile(r"(\d+)(?:-(\d+))?")
MAX_SEEDS = 100_000


def by_seed(num: int, seed: Seed, draw: Callable[[int, int], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return what ``draw(num, seed)`` draws by name, (num, ...); of several seeds the one row that each draws alone.

    Raises:
        SettingError: several seeds, and not one for each.
    """
    if isinstance(seed, int):
        return draw(num, seed)
    if len(seed) != num:
        raise SettingError("seed", f"{len(seed)} seeds", f"one, or one for each of {num} samples")
    rows = [draw(1, each) for each in seed]
    return {name: torch.cat([row[name] for row in rows]) for name in rows[0]}


def parse_seeds(text: str) -> list[int]:
    """Return the seeds that a text names; raise `SettingError` where it names none.

    >>> parse_seeds("3,8,10-12")
    [3, 8, 10, 11, 12]
    """
    allowed = "numbers from 0 up and ranges of them with commas between them, such as 0-15 or 3,8,21"
    parts = [RANGE.fullmatch(part.strip()) for part in text.strip(" []").split(",")]
    ranges = [(int(part[1]), int(part[2] or part[1])) for part in parts if part is not None]
    if len(ranges) < len(parts) or any(last < first for first, last in ranges):
        raise SettingError("seeds", text, allowed)
    if sum(last - first + 1 for first, last in ranges) > MAX_SEEDS:
        raise SettingError("seeds", text, f"at most {MAX_SEEDS:,} of them")
    return [seed for first, last in ranges for seed in range(first, last + 1)]
