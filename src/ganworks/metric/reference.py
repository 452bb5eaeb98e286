"""What an evaluation needs of a data module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor


class ReferenceData(Protocol):
    """The real samples in a fixed order, and what they are."""

    name: str
    shape: tuple[int, ...]
    num_classes: int

    @property
    def num_reals(self) -> int:
        """Number of reference samples."""

    @property
    def fingerprint(self) -> str:
        """Content hash of the reference samples."""

    def reference_batches(
        self, batch_size: int = 500, start: int = 0, stop: int | None = None
    ) -> Iterator[dict[str, Tensor]]:
        """Yield the real samples from number ``start`` to ``stop``, or all, on the CPU, without augmentation.

        ``real`` (B, *shape), and ``label`` (B,) where there are labels.
        """
