"""Printed digits as sources, handwritten ones as reals: two domains with nothing to download."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ganworks.data.base import check_shape
from ganworks.data.digits import NUM_DIGITS, digits_half
from ganworks.data.glyphs import draw_digits
from ganworks.data.order import KeyedOrder
from ganworks.data.samples import Fields, Samples, TensorSamples
from ganworks.data.streams import Stream
from ganworks.data.unpaired import UnpairedModule
from ganworks.errors import SettingError, check_count
from ganworks.noise import keyed_rng

SHAPE = (1, 8, 8)


class PrintedDigits(UnpairedModule):
    """``source``: printed digits, another draw in every batch; ``real``: handwritten ones of scikit-learn, 8x8.

    The reals are the half of the digits that the shipped classifier was trained on, 896; the metrics measure against
    the other 901, and translate ``num_sources`` printed digits that no training draws. See `draw_digits`. Their field
    ``digit`` is what a sample should show: that of a source for its translation, a real one's own.

    Args:
        batch_size: reals, and sources, in a batch of one device.
        num_classes: 10, or 0 to leave out both labels of the batches.
        num_sources: printed digits of the reference.
        shape: (1, 8, 8), or None.
        seed, min_batches: see `GanDataModule`.

    Raises:
        SettingError: a shape or a number of classes that these digits do not have.

    >>> data = PrintedDigits()
    >>> len(data.samples), len(data.reference), len(data.sources)
    (896, 901, 2000)
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

    def load(self) -> TensorSamples:
        """Read the handwritten digits that are trained on."""
        return handwritten(is_training=True)

    def load_reference(self) -> Samples:
        """Read the handwritten digits that are kept apart, with printed ones beside them."""
        return self.with_sources(handwritten(is_training=False))

    def load_sources(self) -> TensorSamples:
        images, digit = draw_digits(self.num_sources, keyed_rng("printed digits of the reference"))
        return TensorSamples(images, digit, digit=digit)

    def streams(self, order: KeyedOrder) -> list[Stream]:
        return [partial(self.handwritten, order), partial(self.printed, order)]

    def handwritten(self, order: KeyedOrder, position: int) -> Fields:
        """Return the reals of the batch number ``position``."""
        rows = order.indices(position)
        real, labels = self.samples.values[rows], self.samples.labels  # type: ignore[attr-defined]
        return {"real": real} if labels is None else {"real": real, "label": labels[rows]}

    def printed(self, order: KeyedOrder, position: int) -> Fields:
        """Return the sources of the batch number ``position``."""
        # All of the global batch, of which a rank takes its share: any number of ranks sees the same digits.
        source, label = draw_digits(order.global_batch_size, keyed_rng(self.seed, "printed", position))
        mine = slice(order.rank, None, order.world_size)
        return {"source": source[mine], **({"source_label": label[mine]} if self.num_classes else {})}

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "num_sources": "unlimited"}


def handwritten(is_training: bool) -> TensorSamples:
    """Return the digits of the half that the shipped classifier was trained on, or of the other one, with labels."""
    images, labels = digits_half(is_training)
    return TensorSamples(images, labels, digit=labels)
