"""What every metric suite has in common: its life during a run and the evaluation that it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from ganworks.errors import GanworksError, check_count

Contract = dict[str, str | int | float | bool]


class ReferenceData(Protocol):
    """What a suite needs of a data module: the real samples in a fixed order, and what they are."""

    name: str
    shape: tuple[int, ...]

    @property
    def fingerprint(self) -> str:
        """Content hash of the reference samples."""

    def reference_batches(self, batch_size: int = 500) -> Iterator[dict[str, Tensor]]:
        """Yield every real sample once, ``real`` (B, *shape), on the CPU, without augmentation."""


@dataclass(frozen=True)
class Evaluation:
    """The figures of one evaluation, and what makes them comparable.

    Args:
        values: the figures by name; logged as ``metric/<name>``.
        contract: extractor and hash of its weights, resize, split, numbers of images, seed. Two figures
            compare only where their contracts agree.
        floor: the same figures for real samples that stand in for the fakes: what a perfect generator gets.
        notes: what is worth a look but is no figure, for example the class histogram.
    """

    values: dict[str, float]
    contract: Contract
    floor: dict[str, float] = field(default_factory=dict)
    notes: dict[str, object] = field(default_factory=dict)


class Suite(ABC):
    """Measure a generator: `check` before training, `prepare` with the data, `evaluate` every now and then.

    Fakes are real-valued samples in the data's own range. A generator that draws values which are not finite
    has no figures: they are all NaN and the notes say how many samples were bad.

    Args:
        num_samples: fakes per evaluation; every figure depends on it, so fix it.
        every_images: real images seen between two evaluations.
        seed: key of the fakes' latents and of what the suite itself draws.

    Raises:
        SettingError: num_samples or every_images is not a positive integer.
    """

    best: str | None = None
    mode: str = "min"

    def __init__(self, num_samples: int, every_images: int, seed: int) -> None:
        self.num_samples = check_count("num_samples", num_samples, at_least=2)
        self.every_images = check_count("every_images", every_images)
        self.seed = seed

    def check(self) -> None:  # noqa: B027
        """Raise what would stop an evaluation, before training starts; a suite without files has nothing."""

    def check_data(self, datamodule: ReferenceData) -> None:  # noqa: B027
        """Raise `SettingError` if the suite cannot measure such samples; cheap, it reads none of them."""

    @abstractmethod
    def prepare(self, datamodule: ReferenceData) -> None:
        """Compute what the evaluations need of the real samples, once."""

    @abstractmethod
    def evaluate(self, fakes: Iterable[Tensor]) -> Evaluation:
        """Return the figures of ``num_samples`` fakes that come in batches (B, *shape), on any device."""


class NoSuite(Suite):
    """Measure nothing (``metric=none``): no evaluation falls due and no checkpoint is called the best."""

    def __init__(self) -> None:
        self.num_samples, self.every_images, self.seed = 0, 0, 0

    def prepare(self, datamodule: ReferenceData) -> None:
        """Need nothing of the real samples."""

    def evaluate(self, fakes: Iterable[Tensor]) -> Evaluation:
        """Return an evaluation without figures; the fakes are not drawn."""
        return Evaluation(values={}, contract={})


def take(batches: Iterable[Tensor], num: int) -> Iterator[Tensor]:
    """Yield batches in float32 until ``num`` samples have come, the last one cut.

    Raises:
        GanworksError: the batches end before.
    """
    missing = num
    for batch in batches:
        yield batch[:missing].detach().float()
        missing -= min(missing, len(batch))
        if not missing:
            return
    raise GanworksError(f"The generator drew {num - missing} samples for an evaluation of {num}.")


def num_not_finite(samples: Tensor) -> int:
    """Return how many of ``samples`` (N, ...) hold a NaN or an infinity."""
    return int((~samples.flatten(1).isfinite().all(1)).sum())


def no_figures(names: Iterable[str], contract: Contract, floor: dict[str, float], num_bad: int) -> Evaluation:
    """Return the evaluation of a generator that drew ``num_bad`` samples which are not finite."""
    return Evaluation(dict.fromkeys(names, float("nan")), contract, floor, {"num_not_finite": num_bad})


@contextmanager
def full_precision() -> Iterator[None]:
    """Neither gradients nor autocast, whatever surrounds the evaluation."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield
