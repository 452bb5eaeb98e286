"""A stand-in for a data module: samples in memory with what a suite needs of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch
from hydra.utils import instantiate
from torch import Tensor

from ganworks.metric import Suite, digits_images
from running import compose


@dataclass
class InMemoryData:
    real: Tensor
    name: str = "digits"

    num_classes = 0

    @property
    def num_reals(self) -> int:
        return len(self.real)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.real.shape[1:])

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.real.numpy().tobytes()).hexdigest()[:16]

    def reference_batches(
        self, batch_size: int = 500, start: int = 0, stop: int | None = None
    ) -> Iterator[dict[str, Tensor]]:
        for batch in self.real[start:stop].split(batch_size):
            yield {"real": batch}


@pytest.fixture(scope="session")
def in_memory() -> type[InMemoryData]:
    return InMemoryData


def suite_of(option: str, **changes: object) -> Suite:
    """Return the suite of ``metric=option``, with settings changed; a dot stands as two underscores."""
    overrides = [f"metric.{name.replace('__', '.')}={value}" for name, value in changes.items()]
    config = compose(f"metric={option}", *overrides)
    return instantiate(config.metric)


@pytest.fixture(scope="session")
def make_suite() -> Callable[..., Suite]:
    return suite_of


@pytest.fixture(scope="session")
def digits_suite() -> Suite:
    """The suite as conf/metric/digits.yaml sets it, prepared with all digits."""
    suite = suite_of("digits")
    suite.check()
    suite.prepare(InMemoryData(digits_images()[0]))
    return suite


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)
