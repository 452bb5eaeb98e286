"""Figures of a generator of a known mixture of Gaussians, the protocol of PacGAN (``metric=mixture``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeGuard

import torch
from torch import Tensor

from ganworks.errors import SettingError
from ganworks.metric.distances import nearest
from ganworks.metric.histogram import reverse_kl, shares
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

NUM_SIGMAS = 3.0


class MixtureData(ReferenceData, Protocol):
    """Data drawn from equally likely Gaussians N(means[k], sigma^2 I), in the units of the batches."""

    means: Tensor
    sigma: float


class MixtureSuite(Suite):
    """Modes covered, share of high quality and reverse KL of 2-D samples.

    A sample belongs to its nearest mean. It is of high quality within 3 sigma of it; a mode is covered by one
    such sample; the reverse KL is KL(fake || uniform) of all samples' modes, in nats. Lin et al. 2018,
    section 4.1 (https://arxiv.org/abs/1712.04086). The floor are as many real draws.

    Args:
        num_samples: fakes per evaluation; 2,500 in the paper.
        every_images: real samples seen between two evaluations.
        seed: key of the fakes' latents and of the real draws.

    Raises:
        SettingError: a count is not a positive integer, or (in `check_data`) the data are no mixture.
    """

    best = "reverse_kl"
    mode = "min"

    def check_data(self, datamodule: ReferenceData) -> None:
        """Raise `SettingError` unless the data are a mixture whose means and sigma are known."""
        if not _is_mixture(datamodule):
            allowed = (
                f"digits (8x8 digits), fid (images) or none; {datamodule.name} is no mixture with known modes"
            )
            raise SettingError("metric", "mixture", allowed)

    @full_precision()
    def prepare(self, datamodule: ReferenceData) -> None:
        """Take the means and draw the floor."""
        self.check_data(datamodule)
        assert _is_mixture(datamodule)
        self.means, self.sigma = datamodule.means.double().cpu(), float(datamodule.sigma)
        self.contract: Contract = {
            "extractor": f"nearest of {len(self.means)} known means, sigma {self.sigma:g}",
            "weights_sha256": "none",
            "resize": "none",
            "split": f"{datamodule.name}, the density itself",
            "num_real": 0,
            "num_fake": self.num_samples,
            "seed": self.seed,
            "high_quality_sigmas": NUM_SIGMAS,
        }
        self.floor = self._figures(self._real_draws())[0]

    @full_precision()
    def evaluate(self, fakes: Iterable[Tensor]) -> Evaluation:
        """Return the figures of fakes (B, 2) in the units of the data's batches."""
        samples = torch.cat([batch.cpu() for batch in take(fakes, self.num_samples)])
        if num_bad := num_not_finite(samples):
            return no_figures(self.floor, self.contract, self.floor, num_bad)
        values, mode_shares = self._figures(samples)
        return Evaluation(values, self.contract, self.floor, notes={"mode_shares": mode_shares.tolist()})

    def _figures(self, samples: Tensor) -> tuple[dict[str, float], Tensor]:
        """Return the figures of samples (N, 2) and the share (K,) of each mode."""
        squared, mode = nearest(samples, self.means)
        is_good = squared <= (NUM_SIGMAS * self.sigma) ** 2
        num_modes = len(self.means)
        mode_shares = shares(mode, num_modes)
        values = {
            "modes": float(mode[is_good].unique().numel()),
            "high_quality": is_good.double().mean().item(),
            "reverse_kl": reverse_kl(mode_shares, torch.full_like(mode_shares, 1 / num_modes)),
        }
        return values, mode_shares

    def _real_draws(self) -> Tensor:
        rng = keyed_rng(self.seed, "mixture suite", "floor")
        modes = torch.randint(len(self.means), (self.num_samples,), generator=rng)
        noise = torch.randn(self.num_samples, self.means.shape[1], generator=rng, dtype=torch.float64)
        return self.means[modes] + self.sigma * noise


def _is_mixture(datamodule: ReferenceData) -> TypeGuard[MixtureData]:
    return hasattr(datamodule, "means") and hasattr(datamodule, "sigma")
