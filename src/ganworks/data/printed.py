"""Printed digits as sources, handwritten ones as reals: two domains with nothing to download."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ganworks.data.base import GanDataModule, check_shape
from ganworks.data.digits import NUM_DIGITS, digits_half
from ganworks.data.glyphs import draw_digits
from ganworks.data.loader import BatchLoader
from ganworks.data.order import KeyedOrder
from ganworks.data.samples import Fields, Samples, TensorSamples, as_fields
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
        if num_classes not in (0, NUM_DIGITS):
            raise SettingError("num_classes", num_classes, f"{NUM_DIGITS}, or 0 to leave the labels out")
        super().__init__(SHAPE, num_classes, batch_size, seed, min_batches=min_batches)
        self.num_sources = check_count("num_sources", num_sources, at_least=2)
        self._sources: tuple[Tensor, Tensor] | None = None

    def load(self) -> TensorSamples:
        """Read the handwritten digits that are trained on."""
        return handwritten(is_training=True)

    def load_reference(self) -> Samples:
        """Read the handwritten digits that are kept apart, with printed ones beside them.

        The field ``digit`` is what a sample should show: here the real one; for a translation its source, see
        `draw_conditions`.
        """
        held_out = handwritten(is_training=False)
        rows = torch.arange(len(held_out)) % self.num_sources
        source, label = self.sources
        return TensorSamples(
            held_out.values, held_out.labels, **held_out.fields, source=source[rows], source_label=label[rows]
        )

    @property
    def sources(self) -> tuple[Tensor, Tensor]:
        """The printed digits (num_sources, 1, 8, 8) that are measured, and their classes."""
        if self._sources is None:
            self._sources = draw_digits(self.num_sources, keyed_rng("printed digits of the reference"))
        return self._sources

    def make_loader(self, order: KeyedOrder, passes: int) -> BatchLoader:
        streams = [partial(self.reals, order), partial(self.printed, order)]
        return StreamLoader(self.samples, order, passes=passes, device=self._device(), streams=streams)

    def reals(self, order: KeyedOrder, position: int) -> Fields:
        """Return the handwritten digits of the batch number ``position``."""
        rows = order.indices(position)
        labels = self.samples.labels
        real = {"real": as_fields(self.samples.read(rows))["real"]}
        return real if labels is None else {**real, "label": labels[rows]}

    def printed(self, order: KeyedOrder, position: int) -> Fields:
        """Return the printed digits of the batch number ``position``."""
        # All of the global batch, of which a rank takes its share: any number of ranks sees the same digits.
        source, label = draw_digits(order.global_batch_size, keyed_rng(self.seed, "printed", position))
        mine = slice(order.rank, None, order.world_size)
        return {"source": source[mine], **({"source_label": label[mine]} if self.num_classes else {})}

    def draw_conditions(self, names: Sequence[str], num: int, seed: int) -> dict[str, Tensor]:
        """Return sources of the reference by name, in an order keyed by ``seed``, and ``digit``, what they show."""
        order = torch.randperm(self.num_sources, generator=keyed_rng(seed, "metric/source"))
        rows = order[torch.arange(num) % len(order)]
        source, label = self.sources
        own = {"source": source, "source_label": label, "digit": label}
        others = [name for name in names if name not in own]
        drawn = super().draw_conditions(others, num, seed) if others else {}
        return {**drawn, **{name: own[name][rows] for name in names if name in own}}

    def baselines(self, num: int, seed: int) -> dict[str, dict[str, Tensor]]:
        """Return the line ``source``: printed digits as they are, in the place of translations."""
        drawn = self.draw_conditions(["source", "source_label", "digit"], num, seed)
        return {"source": {**drawn, "real": drawn["source"]}}

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "num_sources": "unlimited"}


def handwritten(is_training: bool) -> TensorSamples:
    """Return the digits of the half that the shipped classifier was trained on, or of the other one, with labels."""
    images, labels = digits_half(is_training)
    return TensorSamples(images, labels, digit=labels)
