"""What data sets of clips have in common: samples that differ from epoch to epoch."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ganworks.data.base import GanDataModule
from ganworks.data.loader import BatchLoader
from ganworks.data.order import KeyedOrder
from ganworks.data.samples import Fields, Samples


class EpochSamples(Samples, Protocol):
    """Samples of which every epoch shows another version; ``read`` is that of epoch 0."""

    def read_epoch(self, indices: Tensor, epoch: int) -> Tensor | Fields: ...


class EpochLoader(BatchLoader):
    """Batches of `EpochSamples`: the same positions after a resume, so the same versions."""

    samples: EpochSamples

    def read(self, indices: Tensor) -> Tensor | Fields:
        """Return the samples of the present epoch's version."""
        return self.samples.read_epoch(indices, self.epoch)


class ClipDataModule(GanDataModule):
    """A data set of clips (C, T, H, W) in [-1, 1]; its samples are `EpochSamples`. Arguments: see `GanDataModule`."""

    def make_loader(self, order: KeyedOrder, passes: int) -> BatchLoader:
        """Return a loader that asks the samples for those of each epoch."""
        return EpochLoader(self.samples, order, **self.loader_settings(passes))


def spoiled(clips: Tensor, noise: float, rng: torch.Generator) -> dict[str, Tensor]:
    """Return real clips (B, C, T, H, W) in [-1, 1] spoiled in three ways, each of which a figure of clips has to see.

    Args:
        noise: standard deviation of the noise of every value.
    """
    num, num_frames = len(clips), clips.shape[2]
    order = torch.rand((num, num_frames), generator=rng).argsort(1)
    shuffled = clips.movedim(2, 1)[torch.arange(num)[:, None], order].movedim(1, 2)
    noised = (clips + noise * torch.randn(clips.shape, generator=rng)).clamp(-1, 1)
    return {
        "frozen frames": clips[:, :, :1].expand_as(clips).contiguous(),
        "shuffled frames": shuffled,
        f"noise {noise:g}".replace("0.", "."): noised,
    }
