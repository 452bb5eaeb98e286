"""What the metrics compare with: the reference samples of a data set, their conditions and their fingerprint."""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ganworks.data.ahead import ahead
from ganworks.data.samples import Fields, Samples, as_fields, to_float
from ganworks.errors import check_count
from ganworks.noise import keyed_rng

log = logging.getLogger(__name__)


class Reference(ABC):
    """The half of a data set that the metrics see: other samples than those of the training, or all of these, once.

    Attributes:
        name, shape, num_classes: see `GanDataModule`.
    """

    name: str
    shape: tuple[int, ...]
    num_classes: int
    _reference: Samples | None = None
    _whole: Samples | None = None  # of which `samples` are few
    _fingerprint: str | None = None
    _has_told_repeated = False

    @property
    @abstractmethod
    def samples(self) -> Samples:
        """What is trained on."""

    def load_reference(self) -> Samples | None:
        """Read what the metrics compare with, and what lends conditions to fakes; None: the training samples."""
        return None

    @property
    def reference(self) -> Samples:
        """What the metrics compare with; read on first use."""
        if self._reference is None:
            samples, own = self.samples, self.load_reference()
            self._reference = (self._whole or samples) if own is None else own
            if self.num_classes == 0:
                self._reference.labels = None
        return self._reference

    @property
    def has_own_reference(self) -> bool:
        """Whether the metrics compare with other samples than those of the training."""
        return self.reference is not self.samples

    def reference_batches(
        self, batch_size: int = 500, start: int = 0, stop: int | None = None
    ) -> Iterator[dict[str, Tensor]]:
        """Yield the reference samples from number ``start`` to ``stop`` for the metrics, unmirrored, on the CPU.

        The order is the same in every run, shuffled by a constant key so that the first N are a fair draw.
        """
        order = torch.randperm(len(self.reference), generator=keyed_rng("reference"))
        parts = order[start:stop].split(check_count("batch_size", batch_size))
        for indices, batch in zip(parts, ahead(self._fields, parts, num_bytes), strict=True):
            if self.reference.labels is not None:
                batch["label"] = self.reference.labels[indices]
            yield batch

    def _fields(self, indices: Tensor) -> dict[str, Tensor]:
        return {name: to_float(values) for name, values in as_fields(self.reference.read(indices)).items()}

    def example(self, num: int = 2) -> dict[str, Tensor]:
        """Return a batch of real samples, with all their fields, for a look before the training."""
        return next(self.reference_batches(num, stop=num))

    def draw_conditions(self, names: Sequence[str], num: int, seed: int) -> dict[str, Tensor]:
        """Return conditions of ``num`` new samples by name, those of real samples in an order keyed by ``seed``.

        Labels come in the proportions of the data, and so does every other field. What the data set does not have is
        left out.
        """
        order = torch.randperm(len(self.reference), generator=keyed_rng(seed, "metric/label"))
        rows = order[torch.arange(num) % len(order)]
        drawn: dict[str, Tensor] = {}
        if "label" in names and self.reference.labels is not None:
            drawn["label"] = self.reference.labels[rows]
        if "source" in names:
            self.tell_repeated(num, len(self.reference))
        if others := [name for name in names if name != "label"]:
            fields = self._fields(rows)
            drawn |= {name: fields[name] for name in others if name in fields}
        return drawn

    def tell_repeated(self, num: int, num_sources: int) -> None:
        """Say once that ``num`` translations are of fewer sources."""
        if num <= num_sources or self._has_told_repeated:
            return
        self._has_told_repeated = True
        log.warning(
            "%s: %s translations of %s sources: each is translated over and over, and a translator without noise makes"
            " the same of it, so that figures and pictures are of %s different samples (metric.num_samples)",
            *(self.name, f"{num:,}", f"{num_sources:,}", f"{num_sources:,}"),
        )

    @property
    def num_reals(self) -> int:
        """Number of samples in the reference set."""
        return len(self.reference)

    @property
    def fingerprint(self) -> str:
        """Content hash of the reference set; metrics file its statistics under it."""
        if self._fingerprint is None:
            self._fingerprint = self._hash()
        return self._fingerprint

    def _hash(self) -> str:
        digest = hashlib.blake2b(repr(self.shape).encode(), digest_size=16)
        for batch in self.reference_batches():
            for key in sorted(batch):
                digest.update(batch[key].contiguous().numpy().data)
        return digest.hexdigest()


def num_bytes(fields: Fields) -> int:
    """Return the memory of a batch."""
    return sum(values.nbytes for values in fields.values())
