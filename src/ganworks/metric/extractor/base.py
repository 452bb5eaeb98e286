"""What turns samples into features: the protocol of every extractor, and the one that changes nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Features:
    """What an extractor makes of a batch, on the CPU in float32.

    Args:
        features: (B, D).
        logits: (B, K) of a classifier's classes; None where the extractor is no classifier.
    """

    features: Tensor
    logits: Tensor | None = None


def joined(parts: Sequence[Features]) -> Features:
    """Return what follows each other as one."""
    logits = [part.logits for part in parts if part.logits is not None]
    return Features(torch.cat([part.features for part in parts]), torch.cat(logits) if logits else None)


class Extractor(ABC):
    """Samples (B, *shape) to `Features`; constructed without touching its files, loaded when it is needed.

    The constructor only keeps its settings: `check` looks for the weights before training starts, `load` reads
    them. Called under `torch.no_grad` and outside autocast, on any device's samples in the data's own range.

    Attributes:
        has_logits: whether `Features.logits` are there.
        is_cheap: features of the reals are computed in every run instead of being kept in the cache.
        num_features: D; None where the samples or the weights decide.

    One that takes samples of several sizes and is dear says how many it takes at a time, ``pass_size``; batches are
    then joined to so many, each first `prepared` and the whole handed to `features`.
    """

    has_logits: bool = False
    is_cheap: bool = False
    num_features: int | None = None

    @property
    def pass_size(self) -> int | None:
        """Samples in a pass; None takes each batch as it comes."""
        return None

    def prepared(self, samples: Tensor) -> Tensor:
        """Return samples of any size brought to one."""
        return samples

    def features(self, samples: Tensor) -> Features:
        """Return the features of samples that are `prepared`."""
        return self(samples)

    @property
    @abstractmethod
    def contract(self) -> dict[str, str | int | float | bool]:
        """What its figures depend on: ``extractor`` (its name), ``weights_sha256``, ``resizer``, and what else.

        A function of the settings alone, known before `load`; features are cached under it.
        """

    def check(self) -> None:  # noqa: B027
        """Raise `GanworksError`, with what to do, unless the weights are there and the right ones."""

    def check_shape(self, shape: Sequence[int]) -> None:  # noqa: B027
        """Raise `SettingError` unless samples of ``shape``, such as (3, 32, 32), can be read."""

    def load(self) -> None:  # noqa: B027
        """Read the weights; called once, before the first batch."""

    @abstractmethod
    def __call__(self, samples: Tensor) -> Features:
        """Return the features of samples (B, *shape)."""

    def trained_on(self, samples: Tensor) -> Tensor | None:
        """Return (N,) bool, which of the real samples the extractor itself was trained on; None: unknown."""
        return None


class Identity(Extractor):
    """The values themselves, flattened: pixels of images, coordinates of points."""

    is_cheap = True

    @property
    def contract(self) -> dict[str, str | int | float | bool]:
        return {"extractor": "the values themselves", "weights_sha256": "none", "resizer": "none"}

    def __call__(self, samples: Tensor) -> Features:
        return Features(samples.flatten(1).cpu())
