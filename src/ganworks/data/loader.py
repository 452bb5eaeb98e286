"""Loaders that resume at the batch where they stopped.

A loader is one endless stream of batches, and its state is one number: how many it has handed out. Iterating
yields the next ``len(loader)`` of them, wherever the stream stands, because Lightning never exhausts a sized
iterator, may stop early (`trainer.limit_train_batches`) and asks for a new one every epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ganworks.data.order import KeyedOrder
from ganworks.data.samples import Fields, Samples, as_fields, as_numbers, to_float
from ganworks.errors import check_count
from ganworks.noise import keyed_rng
from ganworks.sample.kind import Kind, kind_of


class BatchLoader:
    """Batches ``{"real", "label", ...}`` of samples in memory, by index, without worker processes.

    Args:
        samples: the data.
        order: which samples stand in which batch.
        horizontal_flip: mirror half of the images, drawn anew every epoch for every sample.
        passes: passes over the data in one iteration. The batches are the same; more than one spares a tiny
            data set what Lightning does at every epoch's end (.6 ms).
        device: where batches are delivered. uint8 images move as bytes and become floats there.
        kinds: of the fields, which say how they are mirrored; those that are not named are what their shape says.
        vertical_flip: turn half of the images upside down, drawn like the others and apart from them.
    """

    def __init__(
        self,
        samples: Samples,
        order: KeyedOrder,
        horizontal_flip: bool = False,
        passes: int = 1,
        device: torch.device | str = "cpu",
        kinds: Mapping[str, Kind] | None = None,
        vertical_flip: bool = False,
    ) -> None:
        self.kinds, self.vertical_flip = dict(kinds or {}), vertical_flip
        self.samples, self.order, self.horizontal_flip = samples, order, horizontal_flip
        self.passes, self.device = check_count("passes", passes), torch.device(device)
        self.position = 0

    def __len__(self) -> int:
        return self.passes * len(self.order)

    @property
    def epoch(self) -> int:
        """Complete passes over the data so far."""
        return self.position // len(self.order)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        for _ in range(len(self)):
            batch = self._batch(self.position)
            # Counted before it leaves: a checkpoint written after this batch was used resumes at the next.
            self.position += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return the position as plain numbers: the pass, the batch in it, and the size of a global batch."""
        epoch, batch = divmod(self.position, len(self.order))
        return {"epoch": epoch, "batch": batch, "global_batch_size": self.order.global_batch_size}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was taken; with another global batch size, at the same share of the pass."""
        samples_seen = state["batch"] * state["global_batch_size"]
        batch = min(samples_seen // self.order.global_batch_size, len(self.order))
        self.position = state["epoch"] * len(self.order) + batch

    def read(self, indices: Tensor) -> Tensor | Fields:
        """Return the samples of the batch at the present position."""
        return self.samples.read(indices)

    def _batch(self, position: int) -> dict[str, Tensor]:
        indices = self.order.indices(position)
        fields = {name: self._move(values) for name, values in as_fields(self.read(indices)).items()}
        for axis in self.flipped_axes:
            chosen = self._move(self.order.flips(position, axis))
            fields = {
                name: self._kind(name, values).mirror(as_numbers(values), chosen, axis)
                for name, values in fields.items()
            }
        batch = {name: to_float(values) for name, values in fields.items()}
        if self.samples.labels is not None:
            batch["label"] = self._move(self.samples.labels[indices])
        return batch

    @property
    def flipped_axes(self) -> list[int]:
        """The axes along which half of the images are mirrored."""
        return [
            axis for axis, is_flipped in ((-1, self.horizontal_flip), (-2, self.vertical_flip)) if is_flipped
        ]

    def _kind(self, name: str, values: Tensor) -> Kind:
        return self.kinds.get(name) or kind_of(values.shape[1:])

    def _move(self, values: Tensor) -> Tensor:
        if self.device.type != "cuda":
            return values.to(self.device)
        return values.pin_memory().to(self.device, non_blocking=True)


class WorkerLoader(BatchLoader):
    """The same batches, read by worker processes: for samples that are decoded on the fly.

    Workers read ahead and live from epoch to epoch; the position counts what was handed out. A sample does
    not depend on the worker that read it, so their number changes nothing but the speed.

    Args:
        num_workers: worker processes; 0 reads in this one.
    """

    def __init__(self, *args: Any, num_workers: int = 2, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.num_workers = check_count("num_workers", num_workers, at_least=0)
        self._iterator: Any = None  # Lightning shuts the workers down through this name

    def read(self, indices: Tensor) -> Tensor | Fields:
        """Return the next batch of the stream that the workers read."""
        if self._iterator is None:
            self._iterator = iter(self._stream())
        return next(self._iterator)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was taken; what the workers have read ahead is dropped."""
        super().load_state_dict(state)
        self._iterator = None

    def _stream(self) -> DataLoader:
        batches: Any = self.order.stream(self.position)
        dataset: Any = self.samples
        rng = keyed_rng(self.order.seed, "workers")  # its own: PyTorch would draw from the global one
        return DataLoader(dataset, batch_sampler=batches, num_workers=self.num_workers, generator=rng)
