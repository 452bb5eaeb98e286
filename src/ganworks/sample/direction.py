"""The way back of a pair of translators that undo each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ganworks.errors import SettingError
from ganworks.model.base import networks_of
from ganworks.sample.sampler import PLAIN, Sampler

DIRECTIONS = ("forth", "back")
FORTH, BACK = DIRECTIONS  # the names of the networks, see `ganworks.task.CycleTask`


def backwards(sampler: Sampler) -> Sampler:
    """Return the translator from real to source of a generator with two, as a sampler: its ``source`` are reals.

    Data beside the sampler lend it theirs.

    Raises:
        SettingError: the generator has no way back.
    """
    network: Any = networks_of(sampler.generator).get(BACK)
    if network is None:
        raise SettingError("direction", BACK, "forth: only generators of task=cycle translate both ways")
    back = one_way(sampler, BACK, network)
    back.data = None if sampler.data is None else Reversed(sampler.data)
    return back


def forwards(sampler: Sampler) -> Sampler:
    """Return the translator from source to real alone; a generator that has no way back as it is."""
    networks = networks_of(sampler.generator)
    return one_way(sampler, FORTH, networks[FORTH]) if set(networks) == set(DIRECTIONS) else sampler


def one_way(sampler: Sampler, name: str, network: nn.Module) -> Sampler:
    """Return one of a generator's networks as a sampler of its own."""
    config = {**sampler.config, "generator": sampler.config.get("generator", {}).get(name), "produce": PLAIN}
    return Sampler(network, config, kind=sampler.kind)


class Reversed:
    """Data that lend their reals as the sources of the way back.

    Args:
        data: lends the fields; see `GanDataModule.draw_conditions`.
    """

    def __init__(self, data: Any) -> None:
        self.data = data

    def draw_conditions(self, names: Sequence[str], num: int, seed: int) -> dict[str, Tensor]:
        """Return ``source``: reals of the reference, in an order keyed by ``seed``."""
        return {"source": self.data.draw_conditions(["real"], num, seed)["real"]} if "source" in names else {}
