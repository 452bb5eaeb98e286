"""FID and KID on Inception's features (``metric=fid``).

The network is torchmetrics', the distances are ours, held equal to torchmetrics' classes by a test. The
classes themselves would run Inception twice (each has its own), add up the real images again in every
evaluation, and truncate to uint8 instead of rounding.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from torch import Tensor

from ganworks.errors import SettingError, check_count
from ganworks.metric.feature_statistics import FeatureStatistics
from ganworks.metric.frechet import frechet_distance
from ganworks.metric.inception import InceptionFeatures, check_inception_weights, default_weights_path
from ganworks.metric.kid import kernel_distance_of_subsets
from ganworks.metric.suite import (
    Contract,
    Evaluation,
    ReferenceData,
    Suite,
    full_precision,
    no_figures,
    num_not_finite,
    take,
)
from ganworks.noise import keyed_rng

log = logging.getLogger(__name__)

KID_IMAGES = 10_000  # KID draws its subsets from so many images of each side


class FidSuite(Suite):
    """FID (Heusel et al. 2017) and KID (Binkowski et al. 2018) on the 2048 features of Inception v3.

    Statistics of the reals are computed once and kept in ``cache`` under the hash of the data, the weights
    and the settings.

    Args:
        num_samples: fakes per evaluation; 50,000 in the literature.
        num_reals: real images, the first so many of the reference order; None takes all of them.
        every_images: real images seen between two evaluations.
        seed: key of the fakes' latents and of KID's subsets.
        weights: the Inception weights file; None is torch.hub's place for it.
        sha256: what the file must be.
        antialias: resize with antialiasing, torchmetrics' default; False is the resize behind the published
            figures (torch-fidelity, pytorch-fid, StyleGAN).
        kid_subsets: pairs of subsets that KID is the mean of.
        kid_subset_size: images in each.
        batch_size: images in one pass of Inception.
        cache: folder of the real statistics.
        device: where Inception runs; None takes a GPU if there is one.

    Raises:
        SettingError: a count is not a positive integer, or (in `check_data`) the data are not images.
        GanworksError: (in `check`) the weights are missing or have another hash.
    """

    best = "fid"
    mode = "min"

    def __init__(
        self,
        num_samples: int,
        num_reals: int | None,
        every_images: int,
        seed: int,
        weights: str | None,
        sha256: str,
        antialias: bool,
        kid_subsets: int,
        kid_subset_size: int,
        batch_size: int,
        cache: str,
        device: str | None = None,
    ) -> None:
        super().__init__(num_samples, every_images, seed)
        self.num_reals = None if num_reals is None else check_count("num_reals", num_reals, at_least=2)
        self.weights = Path(weights) if weights is not None else default_weights_path()
        self.sha256, self.antialias, self.device = sha256, antialias, device
        self.kid_subsets = check_count("kid_subsets", kid_subsets)
        self.kid_subset_size = check_count("kid_subset_size", kid_subset_size, at_least=2)
        self.batch_size = check_count("batch_size", batch_size)
        self.cache = Path(cache)

    def check(self) -> None:
        """Raise `GanworksError` unless the right weights are where they belong."""
        check_inception_weights(self.weights, self.sha256)

    def check_data(self, datamodule: ReferenceData) -> None:
        """Raise `SettingError` unless the samples are gray or RGB images."""
        shape = tuple(datamodule.shape)
        if len(shape) != 3 or shape[0] not in (1, 3):
            allowed = f"mixture (ring, grid) or none for samples of {shape}; fid measures gray or RGB images"
            raise SettingError("metric", "fid", allowed)

    @full_precision()
    def prepare(self, datamodule: ReferenceData) -> None:
        """Load Inception; take the statistics of the reals from the cache, or compute them into it."""
        self.check()
        self.check_data(datamodule)
        self.extractor = InceptionFeatures(self.weights, self.antialias, self.batch_size, self.device)
        path = self._cached(datamodule)
        cached = FeatureStatistics.load(path)
        if cached is None:
            log.info("Inception features of the real images, once; they are kept in %s", path)
            cached = self._statistics(_first(datamodule, self.num_reals))
            cached.save(path)
        self.real = cached
        self.contract = self._contract(datamodule)

    @full_precision()
    def evaluate(self, fakes: Iterable[Tensor]) -> Evaluation:
        """Return FID and KID of fakes (B, 1 or 3, H, W) in [-1, 1]."""
        bad: list[int] = []
        fake = self._statistics(_finite(take(fakes, self.num_samples), bad))
        if num_bad := sum(bad):
            return no_figures(("fid", "kid"), self.contract, {}, num_bad)
        rng = keyed_rng(self.seed, "kid")
        kid, deviation = kernel_distance_of_subsets(
            self.real.first, fake.first, self.kid_subsets, self.kid_subset_size, rng
        )
        fid = frechet_distance(self.real.mean, self.real.covariance, fake.mean, fake.covariance)
        return Evaluation({"fid": fid, "kid": kid}, self.contract, notes={"kid_deviation": deviation})

    def _statistics(self, batches: Iterable[Tensor]) -> FeatureStatistics:
        return FeatureStatistics.of((self.extractor(batch) for batch in batches), num_kept=KID_IMAGES)

    def _contract(self, datamodule: ReferenceData) -> Contract:
        return {
            "extractor": "inception-v3-2015-12-05, 2048 features",
            "weights_sha256": self.sha256,
            "resize": "bilinear, antialias" if self.antialias else "bilinear, TensorFlow 1 (legacy)",
            "split": f"{datamodule.name} {datamodule.fingerprint}",
            "num_real": int(self.real.num),
            "num_fake": self.num_samples,
            "seed": self.seed,
            "kid_subsets": f"{self.kid_subsets} x {self.kid_subset_size}",
        }

    def _cached(self, datamodule: ReferenceData) -> Path:
        key = (datamodule.fingerprint, self.sha256, self.antialias, self.num_reals, KID_IMAGES)
        return self.cache / f"inception-{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}.safetensors"


def _first(datamodule: ReferenceData, num: int | None) -> Iterator[Tensor]:
    batches = (batch["real"] for batch in datamodule.reference_batches())
    return batches if num is None else take(batches, num)


def _finite(batches: Iterable[Tensor], bad: list[int]) -> Iterator[Tensor]:
    """Yield batches; one with values that are not finite is counted in ``bad`` and passed on as zeros."""
    for batch in batches:
        bad.append(num_not_finite(batch))
        yield batch.nan_to_num(0.0, 0.0, 0.0) if bad[-1] else batch
