"""Images that are decoded whenever they are read: for folders too large for the cache."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from ganworks.data.decode import decode
from ganworks.data.files import ImageFiles
from ganworks.data.loader import WorkerLoader
from ganworks.data.sample_format import SampleFormat
from ganworks.data.samples import Fields
from ganworks.errors import SettingError

log = logging.getLogger(__name__)


class FileSamples:
    """Images that are decoded whenever they are read.

    A file that cannot be decoded after all is replaced by the next one with the same label that can, always the same;
    `check_replaced` counts and names them.

    Args:
        files: which of them begin like images.
        how: they become samples, see `decode`.
        max_corrupt: share of the files that may be replaced.
    """

    def __init__(
        self,
        files: ImageFiles,
        how: SampleFormat,
        max_corrupt: float = 1.0,
    ) -> None:
        self.files, self.how, self.max_corrupt = files, how, max_corrupt
        self.labels = files.labels
        # Which files were replaced; in shared memory, as worker processes find them and this one counts them.
        self.replaced = torch.zeros(len(files), dtype=torch.uint8).share_memory_()
        self.has_replaced = torch.zeros((), dtype=torch.uint8).share_memory_()
        self._num_said = 0

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        """Return one image (C, H, W), of the dtype of `how`.

        Raises:
            SettingError: neither it nor another one with its label can be decoded.
        """
        for step in range(len(self)):
            other = (index + step) % len(self)
            if step and not self._same_label(index, other):
                continue
            try:
                return decode(self.files.path(other), self.how)
            except Exception as error:
                cause = error
                self.replaced[other] = 1
                self.has_replaced.fill_(1)
        allowed = (
            f"a folder with readable images: {self.files.names[index]} is none, nor is another with its label"
        )
        raise SettingError("root", self.files.root, f"{allowed} ({cause})")

    def read(self, indices: Tensor) -> Tensor:
        """Return the images at ``indices``, (B, C, H, W)."""
        images = torch.stack([self[index] for index in indices.tolist()])
        self.check_replaced()
        return images

    @property
    def num_replaced(self) -> int:
        """How many files could not be decoded so far, and were replaced."""
        return int(self.replaced.sum())

    def check_replaced(self) -> None:
        """Say which files were replaced, when the first one is and whenever there are twice as many.

        Raises:
            SettingError: they are a larger share than ``max_corrupt``.
        """
        if (
            not self.has_replaced
        ):  # called for every batch: looking through all files is for the few that have some
            return
        num = self.num_replaced
        if num < 2 * self._num_said:
            return
        self._num_said = num
        names = [self.files.names[index] for index in self.replaced.nonzero().flatten()[:5].tolist()]
        told = f"{num:,} of {len(self):,} images cannot be decoded"
        named = ", ".join([*names, *["..."] * (num > len(names))])
        if num > self.max_corrupt * len(self):
            share = num / len(self)
            raise SettingError("max_corrupt", self.max_corrupt, f"at least {share:.3g} here: {told}: {named}")
        log.warning("%s: %s; others with their labels take their places: %s", self.files.root, told, named)

    def _same_label(self, index: int, other: int) -> bool:
        return self.labels is None or torch.equal(self.labels[index], self.labels[other])


class FileLoader(WorkerLoader):
    """Batches of `FileSamples` that workers read; what they had to replace is counted here."""

    def read(self, indices: Tensor) -> Tensor | Fields:
        """Return the next batch of the stream that the workers read."""
        values = super().read(indices)
        self.samples.check_replaced()  # type: ignore[attr-defined]
        return values
