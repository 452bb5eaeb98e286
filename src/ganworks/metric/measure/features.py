"""The measures of features and pixels: Frechet and kernel distance, neighbours, copies, classes, modes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeGuard

import torch
from torch import Generator, Tensor

from ganworks.errors import SettingError, check_count, check_range
from ganworks.metric.distance.frechet import frechet_distance_of_roots
from ganworks.metric.distance.histogram import class_ratio, reverse_kl, shares
from ganworks.metric.distance.kid import kernel_distance, kernel_distance_of_subsets
from ganworks.metric.distance.memorisation import RATIO, memorised_floor, memorised_share
from ganworks.metric.distance.pairwise import nearest
from ganworks.metric.distance.prdc import precision_recall_density_coverage
from ganworks.metric.measure.base import Measure
from ganworks.metric.reference import ReferenceData
from ganworks.metric.sample_set import SampleSet


@dataclass(frozen=True)
class FrechetDistance(Measure):
    """Frechet distance of the Gaussians fitted to the features (Heusel et al. 2017): `frechet`.

    It may be called FID on Inception's 2048 features alone; every other extractor has another name.

    Args:
        extractor: whose features it reads.
        name: of the figure.
    """

    extractor: str
    name: str

    needs = frozenset({"moments"})

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        first, second = real[self.extractor], fake[self.extractor]
        return {self.name: frechet_distance_of_roots(first.mean, first.root, second.mean, second.root)}


@dataclass(frozen=True)
class KernelDistance(Measure):
    """Kernel distance (Binkowski et al. 2018): the unbiased squared MMD, over all pairs or over subsets.

    Args:
        extractor: whose features it reads.
        name: of the figure.
        num_subsets: pairs of subsets that it is the mean of, 100 in the literature; None takes all pairs once.
        subset_size: images in each; 1,000 in the literature.
        num_rows: images of each side, the first ones, that are read; None: all.
    """

    extractor: str
    name: str = "kid"
    num_subsets: int | None = None
    subset_size: int = 1000
    num_rows: int | None = None

    def __post_init__(self) -> None:
        if self.num_subsets is not None:
            check_count("num_subsets", self.num_subsets)
        check_count("subset_size", self.subset_size, at_least=2)
        if self.num_rows is not None:
            check_count("num_rows", self.num_rows, at_least=2)

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "min"}

    @property
    def settings(self) -> dict[str, Any]:
        known = super().settings
        return known if self.num_subsets else {k: v for k, v in known.items() if k != "subset_size"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        first = real[self.extractor].features[: self.num_rows]
        second = fake[self.extractor].features[: self.num_rows]
        if self.num_subsets is None:
            return {self.name: kernel_distance(first, second)}
        mean, deviation = kernel_distance_of_subsets(first, second, self.num_subsets, self.subset_size, rng)
        return {self.name: mean, f"{self.name}_deviation": deviation}


@dataclass(frozen=True)
class PrecisionRecall(Measure):
    """Precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020): `prdc`.

    Args:
        extractor: whose features it reads.
        num_neighbours: k of all four; 3 for precision and recall and 5 for density and coverage in the papers.
        num_rows: images of each side, the first ones, that are read; None: all.
        suffix: behind the names of the figures, where two extractors are read.
    """

    extractor: str
    num_neighbours: int = 5
    num_rows: int | None = None
    suffix: str = ""

    def __post_init__(self) -> None:
        check_count("num_neighbours", self.num_neighbours)

    @property
    def better(self) -> Mapping[str, str]:
        return {f"{name}{self.suffix}": "max" for name in ("precision", "recall", "density", "coverage")}

    @property
    def min_samples(self) -> int:
        return self.num_neighbours + 1

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        first = real[self.extractor].features[: self.num_rows]
        second = fake[self.extractor].features[: self.num_rows]
        found = precision_recall_density_coverage(first, second, self.num_neighbours)
        return {f"{name}{self.suffix}": value for name, value in asdict(found).items()}


@dataclass(frozen=True)
class Memorised(Measure):
    """Share of fakes that are suspiciously close to one real sample (after Alaa et al. 2022): `memorisation`.

    Args:
        extractor: whose features it reads; ``identity`` for pixels.
        ratio: 1 is the complement of the paper's authenticity; smaller is stricter.
        name: of the figure.
    """

    extractor: str
    ratio: float = RATIO
    name: str = "memorised"

    def __post_init__(self) -> None:
        check_range("ratio", self.ratio, 0)

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        first, second = real[self.extractor].features, fake[self.extractor].features
        return {self.name: memorised_share(first, second, self.ratio)}

    def floor(self, real: SampleSet, halves: tuple[SampleSet, SampleSet], rng: Generator) -> dict[str, Any]:
        """Return the share of all reals, one left out at a time."""
        return {self.name: memorised_floor(real[self.extractor].features, self.ratio)}


@dataclass(frozen=True)
class ClassRatio(Measure):
    """The worst factor by which a class comes too often or too seldom, by a classifier's word: `histogram`.

    Args:
        extractor: the classifier.
    """

    extractor: str

    needs = frozenset({"logits"})

    @property
    def better(self) -> Mapping[str, str]:
        return {"class_ratio": "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        first, second = real[self.extractor].logits, fake[self.extractor].logits
        assert first is not None
        assert second is not None
        histogram = shares(second.argmax(1), second.shape[1]).tolist()
        return {
            "class_ratio": class_ratio(first.argmax(1), second.argmax(1), second.shape[1]),
            "class_histogram": {str(index): share for index, share in enumerate(histogram)},
        }


class MixtureData(ReferenceData, Protocol):
    """Data drawn from equally likely Gaussians N(means[k], sigma^2 I), in the units of the batches."""

    means: Tensor
    sigma: float


@dataclass(frozen=True)
class Modes(Measure):
    """Modes covered, share of high quality and reverse KL of draws from a mixture with known means.

    A sample belongs to its nearest mean. It is of high quality within ``num_sigmas`` of it; a mode is covered by
    one such sample; the reverse KL is KL(fake || uniform) of all samples' modes, in nats. Lin et al. 2018,
    section 4.1 (https://arxiv.org/abs/1712.04086). The floor are as many real draws. In more dimensions than two the
    radius is the one that holds the same share of real samples: see `radius_in_sigmas`.

    Args:
        num_sigmas: radius of high quality in the plane.
    """

    num_sigmas: float = 3.0

    needs = frozenset({"samples"})

    def __post_init__(self) -> None:
        check_range("num_sigmas", self.num_sigmas, 0)

    @property
    def better(self) -> Mapping[str, str]:
        return {"modes": "max", "high_quality": "max", "reverse_kl": "min"}

    def check_data(self, data: ReferenceData) -> None:
        """Raise `SettingError` unless the data are a mixture whose means and sigma are known."""
        if not _is_mixture(data):
            allowed = f"digits (8x8 digits), fid (images) or none; {data.name} is no mixture with known modes"
            raise SettingError("metric", "mixture", allowed)

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        assert real.data is not None
        assert _is_mixture(real.data)
        assert fake.samples is not None
        means = real.data.means.double().cpu()
        squared, mode = nearest(fake.samples, means)
        radius = radius_in_sigmas(self.num_sigmas, means.shape[1])
        is_good = squared <= (radius * float(real.data.sigma)) ** 2
        mode_shares = shares(mode, len(means))
        return {
            "modes": float(mode[is_good].unique().numel()),
            "high_quality": is_good.double().mean().item(),
            "reverse_kl": reverse_kl(mode_shares, torch.full_like(mode_shares, 1 / len(means))),
            "mode_shares": mode_shares.tolist(),
        }


def radius_in_sigmas(num_sigmas: float, num_dims: int) -> float:
    """Return the radius, in sigmas, that holds as much of a Gaussian in ``num_dims`` as ``num_sigmas`` in the plane.

    In the plane |x|^2 / 2 is exponential, so the share is 1 - exp(-num_sigmas^2 / 2); in D dimensions |x|^2 is
    chi-squared with D degrees of freedom, whose quantile of that share it is.

    >>> radius_in_sigmas(3.0, 2), round(radius_in_sigmas(3.0, 32), 2)
    (3.0, 7.28)
    """
    if num_dims == 2:
        return num_sigmas
    from scipy.special import gammaincinv  # not needed in the plane

    share = -math.expm1(-(num_sigmas**2) / 2)
    return math.sqrt(2 * float(gammaincinv(num_dims / 2, share)))


def _is_mixture(data: ReferenceData) -> TypeGuard[MixtureData]:
    return hasattr(data, "means") and hasattr(data, "sigma")
