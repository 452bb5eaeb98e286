"""The order of a data set: which samples stand in which batch, a function of (seed, epoch) alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ganworks.errors import SettingError, check_count
from ganworks.noise import keyed_rng

FLIPS = {-1: "flip", -2: "vertical flip"}  # keys of the draws, by axis


class KeyedOrder:
    """The batches of every epoch of ``num_samples`` samples, in an order keyed by (seed, epoch).

    The global batch (all ranks together) depends on ``batch_size * world_size`` only; each rank takes every
    ``world_size``-th sample of it. One process with batch 64 and four with batch 16 see the same batches.

    Args:
        num_samples: samples in the data set.
        batch_size: samples in a batch of one rank.
        seed: seed of the order.
        rank: this process among ``world_size`` processes.
        world_size: processes that share the data.
        drop_last: leave out the samples that do not fill the last batch of an epoch (others every epoch).
            When False that batch is smaller, and a few samples repeat so that the ranks have equally many.

    Raises:
        SettingError: ``batch_size`` is not a count, or the global batch is larger than the data.

    >>> KeyedOrder(10, batch_size=3, seed=0).indices(0).tolist()
    [1, 9, 4]
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = True,
    ) -> None:
        self.num_samples, self.seed, self.rank, self.world_size = num_samples, seed, rank, world_size
        self.batch_size, self.drop_last = check_count("batch_size", batch_size), drop_last
        self.global_batch_size = self.batch_size * world_size
        if self.global_batch_size > num_samples:
            on = f" on each of {world_size} devices" if world_size > 1 else ""
            raise SettingError(
                "batch_size",
                batch_size,
                f"at most {num_samples // world_size}{on}: the data set has {num_samples:,} samples",
            )
        self._epoch = -1
        self._order = torch.empty(0)
        self._flipped: dict[
            int, tuple[int, Tensor]
        ] = {}  # by axis: the epoch, and which samples are mirrored

    def __len__(self) -> int:
        """Batches of one epoch."""
        full, rest = divmod(self.num_samples, self.global_batch_size)
        return full + (not self.drop_last and rest > 0)

    def indices(self, position: int) -> Tensor:
        """Return the samples of batch number ``position``, counted over all epochs: int64 (B,)."""
        epoch, batch = divmod(position, len(self))
        self._draw(epoch)
        start = batch * self.global_batch_size
        return self._order[start : start + self.global_batch_size][self.rank :: self.world_size]

    def flips(self, position: int, axis: int = -1) -> Tensor:
        """Return which samples of that batch are mirrored, keyed by (seed, epoch, sample): bool (B,).

        Args:
            axis: -1 left to right, -2 upside down; they have draws of their own.
        """
        epoch = position // len(self)
        if self._flipped.get(axis, (-1,))[0] != epoch:
            rng = keyed_rng(self.seed, FLIPS[axis], epoch)
            self._flipped[axis] = epoch, torch.randint(0, 2, (self.num_samples,), generator=rng).bool()
        return self._flipped[axis][1][self.indices(position)]

    def stream(self, position: int) -> Iterator[list[int]]:
        """Yield the samples of every batch from ``position`` on, without an end."""
        while True:
            yield self.indices(position).tolist()
            position += 1

    def _draw(self, epoch: int) -> None:
        if epoch == self._epoch:
            return
        order = torch.randperm(self.num_samples, generator=keyed_rng(self.seed, "order", epoch))
        if not self.drop_last:
            order = torch.cat([order, order[: -self.num_samples % self.world_size]])
        self._epoch, self._order = epoch, order
