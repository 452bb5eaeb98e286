"""Modes of stacked digits, by the word of the digits classifier about each channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from ganworks.data.digits import NUM_DIGITS
from ganworks.metric.distance.histogram import reverse_kl, shares
from ganworks.metric.extractor.digits import load_digits_classifier
from ganworks.metric.extractor.stacked_digits import NUM_STACKED
from ganworks.metric.measure.base import Measure
from ganworks.metric.sample_set import SampleSet


@dataclass(frozen=True)
class StackedModes(Measure):
    """How many of the 1,000 modes are drawn, and KL(fake || uniform) in nats of their shares.

    Metz et al. 2016, section 3.3 (https://arxiv.org/abs/1611.02163); Lin et al. 2018, section 4.2
    (https://arxiv.org/abs/1712.04086). The class of a stack is what the classifier says of each channel; any sample
    counts, however unlike a digit. A perfect sampler of N stacks gets a KL near 999 / (2 N): .019 of 26,000, .10 of
    5,000, so figures of another number do not compare. The floor is that of as many held-out real stacks.

    Args:
        extractor: a `StackedDigitsExtractor`.
    """

    extractor: str

    @property
    def better(self) -> Mapping[str, str]:
        return {"stacked_modes": "max", "stacked_kl": "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        found = shares(stacked_classes(fake[self.extractor].features), NUM_DIGITS**NUM_STACKED)
        uniform = torch.full_like(found, 1 / len(found))
        return {
            "stacked_modes": float((found > 0).sum()),
            "stacked_kl": reverse_kl(found, uniform),
        }

    def floor(self, real: SampleSet, halves: tuple[SampleSet, SampleSet], rng: Generator) -> dict[str, Any]:
        """Return the figures of the reals, no more of them than there are samples in their place."""
        num = min(real.num, halves[1].num)
        return self.figures(real, real.at(torch.arange(num)), rng)


def stacked_classes(features: Tensor) -> Tensor:
    """Return the classes (N,), 100 a + 10 b + c, of the features (N, 192) of three digits each."""
    parts = features.view(len(features), NUM_STACKED, -1)
    digits = load_digits_classifier().output(parts).argmax(dim=-1)
    return digits @ torch.tensor([100, 10, 1])
