"""Standing statistics: those of batch norms taken anew for an averaged generator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganworks.errors import SettingError, check_count
from ganworks.model.base import produce
from ganworks.noise import keyed_rng
from ganworks.sample.sampler import Producer, Sampler


@torch.no_grad()
def standing_statistics(
    generator: nn.Module, batches: Iterable[Mapping[str, Tensor]], produce: Producer = produce
) -> None:
    """Set running means and variances of the batch norms of ``generator`` to their averages over ``batches``.

    Brock et al. 2019 (BigGAN), section 4.1 (https://arxiv.org/abs/1809.11096): statistics belong to the averaged
    weights and, under truncation, to truncated latents. Everything else stays as it is, in eval mode.

    Args:
        generator: changed in place, and left in eval mode.
        batches: noise and conditions with a row for each sample; the paper takes 100 batches.
        produce: what makes samples of the player, from its noise and conditions.
    """
    norms = batch_norms(generator)
    momenta = [norm.momentum for norm in norms]
    generator.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.training = True  # not `train()`: spectral norms inside keep their vectors
        norm.momentum = None  # the plain average of all batches
    try:
        for inputs in batches:
            produce(generator, inputs)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.training = False


def with_standing_statistics(
    sampler: Sampler,
    num_batches: int = 100,
    batch_size: int = 64,
    seed: int = 0,
    truncation: float | None = None,
) -> Sampler:
    """Return ``sampler`` after `standing_statistics` over samples that it draws itself, a function of ``seed``.

    Args:
        truncation: of the latents, that of the samples to come.

    Raises:
        SettingError: the generator has no batch norm, or a count below 1.
    """
    check_count("standing", num_batches)
    if not batch_norms(sampler.generator):
        raise SettingError("standing", num_batches, "0: this generator has no batch norm")
    # Batch by batch: noise maps of all samples together would fill the memory.
    seeds = torch.randint(2**31, (num_batches,), generator=keyed_rng(seed, "standing")).tolist()
    batches = (sampler.inputs(batch_size, each, truncation=truncation) for each in seeds)
    standing_statistics(sampler.generator, batches, sampler.produce)
    return sampler


def batch_norms(generator: nn.Module) -> list[_BatchNorm]:
    """Return the batch norms of a generator that keep running statistics."""
    return [each for each in generator.modules() if isinstance(each, _BatchNorm) and each.track_running_stats]
