"""What stands beside the figures of a generator: those of real samples in its place, and of what no network made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganworks.metric.collect import Keep, collect
from ganworks.metric.sample_set import SampleSet
from ganworks.noise import keyed_rng

if TYPE_CHECKING:
    from ganworks.metric.suite import Suite

Figures = dict[str, float]


def has_own_reference(data: Any) -> bool:
    """Say whether the metrics' real samples are others than those of the training."""
    return bool(getattr(data, "has_own_reference", False))


def stand_ins_of(suite: Suite, data: Any) -> SampleSet | None:
    """Return training samples to stand in for fakes where the data keep a reference apart; None on later ranks."""
    if not (suite.has_floor and has_own_reference(data)):
        return None
    training = data.training_data()
    num = min(training.num_reals, suite.num_samples)
    return suite.collect(training, num, Keep.for_measures(suite.measures.values(), num), "Training samples")


def floor(suite: Suite, stand_ins: SampleSet | None) -> Figures:
    """Return the figures of real samples that stand in for the fakes: training samples, or a half of the reals."""
    if stand_ins is None:
        seen = first_half(suite)
        halves = suite.real.at(seen), suite.real.at((~seen).nonzero().flatten()[: suite.num_samples])
    else:
        halves = suite.real, stand_ins
    found: dict[str, Any] = {}
    for name, measure in suite.measures.items():
        found |= measure.floor(suite.real, halves, keyed_rng(suite.seed, name, "floor"))
    return {name: float(found[name]) for name in suite.better if name in found}


def first_half(suite: Suite) -> Tensor:
    """Return (N,) bool: the reals that an extractor was trained on, or else any half."""
    for extractor in suite.extractors.values():
        seen = extractor.trained_on(suite.real.samples) if suite.real.samples is not None else None
        if seen is not None and 0.25 < seen.double().mean() < 0.75:
            return seen
    order = torch.randperm(suite.real.num, generator=keyed_rng("suite", "floor"))
    return order < suite.real.num // 2


def baselines(suite: Suite, data: Any) -> dict[str, Figures]:
    """Return the figures of samples that no network made, such as the untranslated sources, by the name of the line.

    A measure that draws from the generator itself has none.
    """
    lines = getattr(data, "baselines", None)
    keep = Keep.for_measures(suite.measures.values(), suite.num_samples)
    found: dict[str, Figures] = {}
    for line, batch in {} if lines is None else lines(suite.num_samples, suite.seed).items():
        fake = collect([(batch["real"].float(), batch)], len(batch["real"]), suite.extractors, keep)
        figures: dict[str, Any] = {}
        for name, measure in suite.measures.items():
            if "sampler" not in measure.needs:
                figures |= measure.figures(suite.real, fake, keyed_rng(suite.seed, name))
        found[line] = {name: float(figures[name]) for name in suite.better if name in figures}
    return found
