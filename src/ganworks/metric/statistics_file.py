"""Mean and covariance of features in the ``.npz`` files that pytorch-fid, clean-fid and EDM exchange.

Two layouts are read: ``mu`` (D,) and ``sigma`` (D, D), which all of these write; and the running sums of StyleGAN's
``FeatureStats``, ``raw_mean`` (D,), ``raw_cov`` (D, D) and ``num_items``. We write the first, and beside it what the
features are; others pass over names that they do not know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganworks.errors import GanworksError
from ganworks.metric.distance.moments import Moments
from ganworks.metric.sample_set import FeatureSet, SampleSet
from ganworks.metric.weights import file_sha256
from ganworks.staged import staged

SUFFIX = ".npz"
FEATURES = ("extractor", "weights_sha256", "resizer")  # what features are compared under
TERMS = (*FEATURES, "split")


@dataclass(frozen=True)
class Statistics:
    """Mean and covariance of the features of a set of images.

    Args:
        mean: (D,), float64.
        covariance: (D, D), float64, N - 1 in the denominator.
        num: how many images; None where the file does not say.
        terms: what of `TERMS` is known of them.
    """

    mean: Tensor
    covariance: Tensor
    num: int | None = None
    terms: Mapping[str, str] = field(default_factory=dict)

    def save(self, path: str | Path) -> None:
        """Write the file, complete or not at all."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = dict(self.terms) if self.num is None else {**self.terms, "num": self.num}
        arrays |= {"mu": self.mean.numpy(), "sigma": self.covariance.numpy()}
        with staged(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays, sha256=digest_of(arrays))

    @classmethod
    def load(cls, path: str | Path) -> Statistics:
        """Return the statistics at ``path``.

        Raises:
            GanworksError: no such file, another layout, or numbers that are no covariance.
        """
        path = Path(path)
        arrays = _read(path)
        digest = str(arrays.pop("sha256", ""))
        if digest and digest != digest_of(arrays):
            raise GanworksError(f"{path} is damaged: its numbers are not those that were written.")
        mean, covariance, num = _moments(arrays, path)
        if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
            raise GanworksError(
                f"{path}: mu has shape {mean.shape} and sigma {covariance.shape}, not (D,) and (D, D)."
            )
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise GanworksError(f"{path}: mu or sigma has values that are not finite.")
        terms = {name: str(arrays[name]) for name in TERMS if name in arrays}
        terms.setdefault("split", f"{path.name} {file_sha256(path)[:16]}")
        return cls(torch.from_numpy(mean), torch.from_numpy(covariance), num, terms)

    @classmethod
    def of(cls, features: FeatureSet, terms: Mapping[str, object]) -> Statistics:
        """Return the statistics of features, with those of ``terms`` that belong to them."""
        known = {name: str(terms[name]) for name in TERMS if name in terms}
        return cls(features.mean, features.covariance, features.num, known)

    def sample_set(self, extractor: str) -> SampleSet:
        """Return the set that these are the moments of, without a single feature.

        Where the number is not known the set has one more than features: its covariance is taken as it is.
        """
        num = self.num or len(self.mean) + 1
        moments = Moments(num, self.mean, self.covariance * (num - 1))
        return SampleSet(num, {extractor: FeatureSet(num, torch.zeros(0, len(self.mean)), None, moments)})

    def check_terms(self, path: str, terms: Mapping[str, object], num_features: int | None = None) -> None:
        """Raise `GanworksError` unless features with ``terms`` can be held against these of the file ``path``."""
        for name in FEATURES:
            if name in self.terms and name in terms and self.terms[name] != str(terms[name]):
                raise GanworksError(
                    f"{path} holds statistics under {name}={self.terms[name]}, and the metric has {terms[name]}: "
                    "the two do not compare."
                )
        if num_features is not None and len(self.mean) != num_features:
            raise GanworksError(
                f"{path} has {len(self.mean)} features, and the metric's extractor {num_features}."
            )


def digest_of(arrays: Mapping[str, Any]) -> str:
    """Return the SHA-256 of arrays by name, in hexadecimal."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        found.update(f"{name} {array.dtype} {array.shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def is_statistics(path: str | None) -> bool:
    """Whether a path is meant to be a file of statistics rather than a folder of images."""
    return path is not None and path.endswith(SUFFIX)


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise GanworksError(f"{path} is missing: no file of statistics there.")
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except Exception as error:  # a damaged zip file raises about anything
        raise GanworksError(f"{path} is no .npz file of plain arrays, or a damaged one.") from error


def _moments(arrays: dict[str, np.ndarray], path: Path) -> tuple[np.ndarray, np.ndarray, int | None]:
    if {"mu", "sigma"} <= set(arrays):
        num = int(arrays["num"]) if "num" in arrays else None
        return arrays["mu"].astype(np.float64), arrays["sigma"].astype(np.float64), num
    if {"raw_mean", "raw_cov", "num_items"} <= set(arrays):
        num = int(arrays["num_items"])
        mean = arrays["raw_mean"].astype(np.float64) / num
        covariance = (arrays["raw_cov"].astype(np.float64) - num * np.outer(mean, mean)) / max(1, num - 1)
        return mean, covariance, num
    found = ", ".join(sorted(arrays)) or "nothing"
    raise GanworksError(
        f"{path} must hold mu and sigma, or raw_mean, raw_cov and num_items; it holds {found}."
    )
