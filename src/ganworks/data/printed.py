"""Printed digits as sources, handwritten ones as reals: two domains with nothing to download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ganworks.data.base import GanDataModule, check_shape
from ganworks.data.digits import halves
from ganworks.data.glyphs import NUM_CLASSES, draw_digits
from ganworks.data.loader import BatchLoader
from ganworks.data.order import KeyedOrder
from ganworks.data.samples import Fields, Samples, TensorSamples
from ganworks.data.streams import StreamLoader
from ganworks.errors import SettingError, check_count
from ganworks.noise import keyed_rng

SHAPE = (1, 8, 8)


class PrintedDigits(GanDataModule):
    """``source``: printed digits, another draw in every batch; ``real``: handwritten ones of scikit-learn, 8x8.

    The reals are the half of the digits that the shipped classifier was trained on, 898; the metrics measure against
    the other 899, and translate ``num_sources`` printed digits that no training draws. See `draw_digits`.

    Args:
        batch_size: reals, and sources, in a batch of one device.
        num_classes: 10, or 0 to leave out both labels; `source_label` is that of the source.
        num_sources: printed digits of the reference.
        shape: (1, 8, 8), or None.
        seed, min_batches: see `GanDataModule`.

    Raises:
        SettingError: a shape or a number of classes that these digits do not have.
    """

    name = "printed_digits"

    def __init__(
        self,
        batch_size: int = 32,
        num_classes: int = 0,
        num_sources: int = 2000,
        shape: Sequence[int] | None = None,
        seed: int = 0,
        min_batches: int = 1,
    ) -> None:
        check_shape(shape, SHAPE, "these digits")
        if num_classes not in (0, NUM_CLASSES):
            raise SettingError("num_classes", num_classes, f"{NUM_CLASSES}, or 0 to leave the labels out")
        super().__init__(SHAPE, num_classes, batch_size, seed, min_batches=min_batches)
        self.num_sources = check_count("num_sources", num_sources, at_least=2)
        self._sources: tuple[Tensor, Tensor] | None = None

    def load(self) -> TensorSamples:
        """Read the handwritten digits that are trained on."""
        return handwritten(0)

    def load_reference(self) -> Samples:
        """Read the handwritten digits that are kept apart, with printed ones beside them."""
        held_out = handwritten(1)
        sources, labels = self.sources
        rows = torch.arange(len(held_out)) % len(sources)
        return TensorSamples(
            held_out.values, held_out.labels, source=sources[rows], source_label=labels[rows]
        )

    @property
    def sources(self) -> tuple[Tensor, Tensor]:
        """The printed digits (num_sources, 1, 8, 8) that are measured, and their classes."""
        if self._sources is None:
            self._sources = draw_digits(self.num_sources, keyed_rng("printed digits of the reference"))
        return self._sources

    def make_loader(self, order: KeyedOrder, passes: int) -> BatchLoader:
        streams = [lambda position: self._reals(order, position), lambda position: self._printed(order, position)]
        return StreamLoader(self.samples, order, passes=passes, device=self._device(), streams=streams)

    def _reals(self, order: KeyedOrder, position: int) -> Fields:
        rows = order.indices(position)
        real = self.samples.read(rows)
        assert isinstance(real, Tensor)
        return {"real": real, **self._told(label=self.samples.labels, rows=rows)}

    def _printed(self, order: KeyedOrder, position: int) -> Fields:
        # All of the global batch, of which a rank takes its share: as many ranks as you like see the same digits.
        rng = keyed_rng(self.seed, "printed", position)
        source, label = draw_digits(order.global_batch_size, rng)
        mine = slice(order.rank, None, order.world_size)
        return {"source": source[mine], **self._told(source_label=label[mine])}

    def _told(self, rows: Tensor | None = None, **labels: Tensor | None) -> dict[str, Tensor]:
        """Return labels by name, at ``rows``, where labels are not left out."""
        if not self.num_classes:
            return {}
        return {name: each if rows is None else each[rows] for name, each in labels.items() if each is not None}

    def draw_conditions(self, names: Sequence[str], num: int, seed: int) -> dict[str, Tensor]:
        """Return sources of the reference, and their labels, in an order keyed by ``seed``; else see `GanDataModule`."""
        order = torch.randperm(self.num_sources, generator=keyed_rng(seed, "metric/source"))
        rows = order[torch.arange(num) % len(order)]
        own = dict(zip(("source", "source_label"), self.sources, strict=True))
        drawn = {name: own[name][rows] for name in names if name in own}
        others = [name for name in names if name not in own]
        return {**drawn, **super().draw_conditions(others, num, seed)} if others else drawn

    def baselines(self, num: int, seed: int) -> dict[str, dict[str, Tensor]]:
        """Return the line ``source``: printed digits as they are, in the place of translations."""
        drawn = self.draw_conditions(["source", "source_label"], num, seed)
        return {"source": {"real": drawn["source"], **drawn}}

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "num_sources": "unlimited"}


def handwritten(half: int) -> TensorSamples:
    """Return the digits of the classifier's training half (0) or of the other one (1), with their labels."""
    from ganworks.data.digits import Digits

    digits = Digits().load()
    rows = halves()[half]
    assert digits.labels is not None
    return TensorSamples(digits.values[rows], digits.labels[rows])
