"""A loader of fields that are drawn by the number of the batch: two domains of which no two images belong together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ganworks.data.loader import BatchLoader
from ganworks.data.samples import Fields, to_float

Stream = Callable[[int], Fields]
"""From the number of a batch, counted over all epochs, to some of its fields, a row for each sample of this rank."""


class StreamLoader(BatchLoader):
    """Batches of the fields of several streams; the order of the reals counts the epochs.

    Args:
        streams: each gives other fields of the batch of a number, a function of it alone.
        args, kwargs: see `BatchLoader`.
    """

    def __init__(self, *args: Any, streams: Sequence[Stream], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.streams = list(streams)

    def _batch(self, position: int) -> dict[str, torch.Tensor]:
        fields = {name: values for stream in self.streams for name, values in stream(position).items()}
        return {name: to_float(self._move(values)) for name, values in fields.items()}
