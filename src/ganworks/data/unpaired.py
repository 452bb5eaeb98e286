"""What data sets of two domains have in common, of which no two samples belong together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ganworks.data.base import GanDataModule
from ganworks.data.loader import BatchLoader
from ganworks.data.order import KeyedOrder
from ganworks.data.samples import Fields, Samples, TensorSamples, as_fields, to_float
from ganworks.data.streams import Stream, StreamLoader
from ganworks.noise import keyed_rng


class UnpairedModule(GanDataModule):
    """Batches of ``source`` from one domain and ``real`` from the other, each in an order of its own.

    With labels (``num_classes`` above 0) a batch has ``source_label`` and ``label``. A subclass says in `streams` what
    a batch is made of, in `load` and `load_sources` what is there.
    """

    @abstractmethod
    def streams(self, order: KeyedOrder) -> list[Stream]:
        """Return what gives the fields of the batch of a number; ``order`` is that of the reals."""

    @abstractmethod
    def load_sources(self) -> TensorSamples:
        """Read the sources that the metrics translate; perhaps with labels."""

    @property
    def sources(self) -> TensorSamples:
        """The sources that the metrics translate; read on first use."""
        if not hasattr(self, "_sources"):
            self._sources = self.load_sources()
        return self._sources

    def check(self) -> None:
        """Raise the error that training would run into, that of too few sources too."""
        super().check()
        self.streams(self._order())

    def make_loader(self, order: KeyedOrder, passes: int) -> BatchLoader:
        return StreamLoader(
            self.samples, order, passes=passes, device=self._device(), streams=self.streams(order)
        )

    def training_data(self) -> GanDataModule:
        """Return these data as the metrics would see them if they compared with the training samples."""
        training = super().training_data()
        training._reference = self.with_sources(self.training_reals())
        return training

    def training_reals(self) -> TensorSamples:
        """Return the reals of the training, as large as the metrics see them."""
        assert isinstance(self.samples, TensorSamples)
        return self.samples

    def with_sources(self, reals: TensorSamples) -> Samples:
        """Return reals with sources beside them, each in their order, as a reference."""
        return Beside(reals, self.sources)

    def source_fields(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the sources at ``rows``, and what is known of them."""
        return {name: to_float(values) for name, values in as_sources(self.sources, rows).items()}

    def draw_conditions(self, names: Sequence[str], num: int, seed: int) -> dict[str, Tensor]:
        """Return sources of the reference by name, and what is known of them, in an order keyed by ``seed``."""
        self.tell_repeated(num, len(self.sources))
        own = self.drawn(num, seed)
        others = [name for name in names if name not in own]
        drawn = super().draw_conditions(others, num, seed) if others else {}
        return {**drawn, **{name: own[name] for name in names if name in own}}

    def baselines(self, num: int, seed: int) -> dict[str, dict[str, Tensor]]:
        """Return the line ``source``: what is not translated, in the place of translations."""
        own = self.drawn(num, seed)
        return {"source": {**own, "real": own["source"]}} if own["source"].shape[1:] == self.shape else {}

    def drawn(self, num: int, seed: int) -> dict[str, Tensor]:
        """Return ``num`` sources, and what is known of them, over and over where there are fewer."""
        order = torch.randperm(len(self.sources), generator=keyed_rng(seed, "metric/source"))
        return self.source_fields(order[torch.arange(num) % len(order)])

    def describe(self) -> dict[str, Any]:
        """Return what summary.json says of the data: also how many sources the metrics translate."""
        return {**super().describe(), "num_reference_sources": len(self.sources)}


class Beside:
    """Reals with sources beside them, each in their own order, over and over where they are fewer: `Samples`.

    Args:
        reals, sources: as they are kept; bytes stay bytes until they are read.
    """

    def __init__(self, reals: TensorSamples, sources: TensorSamples) -> None:
        self.reals, self.sources, self.labels = reals, sources, reals.labels

    def __len__(self) -> int:
        return len(self.reals)

    def read(self, indices: Tensor) -> Fields:
        """Return the reals at ``indices`` (B,) and the sources beside them."""
        beside = as_sources(self.sources, indices % len(self.sources))
        return {**beside, **as_fields(self.reals.read(indices))}


def as_sources(sources: TensorSamples, rows: Tensor) -> dict[str, Tensor]:
    """Return the sources at ``rows``, with their labels as ``source_label`` where they have some."""
    fields = as_fields(sources.read(rows))
    found = {"source": fields.pop("real"), **fields}
    return found if sources.labels is None else {**found, "source_label": sources.labels[rows]}
