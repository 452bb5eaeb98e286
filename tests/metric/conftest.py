"""A stand-in for a data module: samples in memory with what a suite needs of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from ganworks.metric import DigitsSuite, digits_images


@dataclass
class InMemoryData:
    real: Tensor
    name: str = "digits"

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.real.shape[1:])

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.real.numpy().tobytes()).hexdigest()[:16]

    def reference_batches(self, batch_size: int = 500) -> Iterator[dict[str, Tensor]]:
        for batch in self.real.split(batch_size):
            yield {"real": batch}


@pytest.fixture(scope="session")
def in_memory() -> type[InMemoryData]:
    return InMemoryData


@pytest.fixture(scope="session")
def digits_suite() -> DigitsSuite:
    """The suite as conf/metric/digits.yaml sets it, prepared with all digits."""
    suite = DigitsSuite(num_samples=1797, every_images=1000, seed=0, num_neighbours=5)
    suite.check()
    suite.prepare(InMemoryData(digits_images()[0]))
    return suite


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)
