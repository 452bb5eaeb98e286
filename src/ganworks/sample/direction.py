"""The way back of a pair of translators that undo each other."""

from __future__ import annotations

from typing import Any

from ganworks.errors import SettingError
from ganworks.model.base import networks_of
from ganworks.sample.sampler import PLAIN, Sampler

DIRECTIONS = ("forth", "back")
BACK = "back"  # the name of the network, see `ganworks.task.CycleTask`


def backwards(sampler: Sampler) -> Sampler:
    """Return the translator from real to source of a generator with two, as a sampler: its ``source`` are reals.

    Raises:
        SettingError: the generator has no way back.
    """
    network: Any = networks_of(sampler.generator).get(BACK)
    if network is None:
        raise SettingError("direction", BACK, "forth: only generators of task=cycle translate both ways")
    config = {**sampler.config, "generator": sampler.config.get("generator", {}).get(BACK), "produce": PLAIN}
    return Sampler(network, config, kind=sampler.kind)
