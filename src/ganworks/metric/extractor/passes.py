"""Images in passes of as many as a device has room for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from ganworks.errors import GanworksError

log = logging.getLogger(__name__)

R = TypeVar("R")
CPU_SIZE = 16  # more are no faster there, see benchmarks/extraction.py
MAX_SIZE = 256
SHARE = 0.5  # of the free memory of a GPU: a network in training needs room as well


class Passes:
    """As many images at a time as the device has room for; half as many, for good, where it had not.

    Args:
        name: of the extractor.
        size: images in a pass; None asks the device.
        device: where the network is.
        image_bytes: what a pass takes for each image on a GPU, an estimate.
    """

    def __init__(self, name: str, size: int | None, device: torch.device, image_bytes: int) -> None:
        self.name, self.device, self.image_bytes = name, device, image_bytes
        self._size = size

    @property
    def size(self) -> int:
        """Images in a pass."""
        if self._size is None:
            self._size = fitting(self.device, self.image_bytes)
        return self._size

    def map(self, function: Callable[[Tensor], R], images: Tensor) -> list[R]:
        """Return ``function`` of parts of ``images`` (N, ...), in their order.

        Raises:
            GanworksError: there is no room for one image.
        """
        found: list[R] = []
        start = 0
        while start < len(images):
            part = images[start : start + self.size]
            try:
                found.append(function(part))
            except torch.OutOfMemoryError:
                is_full = True  # the error holds on to the pass's tensors until this block ends
            else:
                is_full, start = False, start + len(part)
            if is_full:
                self._halve(len(part))
        return found

    def _halve(self, size: int) -> None:
        if size == 1:
            hint = f"metric.extractor.{self.name}.device=cpu does without it"
            raise GanworksError(f"{self.device} has no room for {self.name} and one image: {hint}.")
        self._size = size // 2
        log.info("%s has no room for %d images at a time: going on with %d.", self.device, size, self.size)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def fitting(device: torch.device, image_bytes: int) -> int:
    """Return how many images fit ``device``: by its free memory on a GPU, a fixed number elsewhere."""
    if device.type != "cuda":
        return CPU_SIZE
    free = torch.cuda.mem_get_info(device)[0]
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # kept, and unused
    return max(1, min(MAX_SIZE, int(SHARE * free) // image_bytes))
