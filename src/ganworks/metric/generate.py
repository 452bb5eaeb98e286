"""From a generator to its figures: fakes are drawn, in shares on several devices, and measured by a suite."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganworks.bar import Bar
from ganworks.metric.collect import Batch, Keep, counted, with_fields
from ganworks.metric.feature_cache import FeatureCache
from ganworks.metric.result import Result
from ganworks.metric.sample_set import SampleSet
from ganworks.metric.shares import collect_shares, is_first, share
from ganworks.metric.suite import Suite, full_precision
from ganworks.sample.sampler import Sampler


def evaluate(
    suite: Suite,
    sampler: Sampler,
    datamodule: Any,
    truncation: float | None = None,
    batch_size: int = 250,
    *,
    num: int | None = None,
    seed: int | None = None,
    ema: bool | None = True,
    num_evaluations: int = 1,
    cache: FeatureCache | None = None,
    show_bar: bool = False,
) -> Result:
    """Return the figures of a generator's samples; labels are drawn as often as the data has them.

    Under `torch.distributed` each rank draws and reads its share, and the first rank alone compares: the others
    get a result without figures. A sample depends on its number alone, so the figures are those of one
    process but for the order of sums.

    Args:
        suite: prepared, on all ranks.
        sampler: the generator.
        datamodule: whose labels the fakes get.
        truncation: bound of the latents.
        batch_size: samples drawn at a time.
        num: how many fakes; None is the suite's own number. Another number stands in the figures' names.
        seed: key of the latents and of what the measures draw; None is the suite's own.
        ema: what the contract says: whether these are averaged weights; None where it is not known.
        num_evaluations: how many evaluations this generator was picked from, for the contract.
        cache: where features of the fakes are kept, so that an interrupted evaluation goes on; None: nowhere.
        show_bar: show a progress bar.
    """
    seed = suite.seed if seed is None else seed
    fake = draw(suite, sampler, datamodule, truncation, batch_size, num, seed, cache, show_bar)
    return Result({}, {}) if fake is None else compare_samples(suite, fake, seed, ema, num_evaluations)


def draw(
    suite: Suite,
    sampler: Sampler,
    datamodule: Any,
    truncation: float | None = None,
    batch_size: int = 250,
    num: int | None = None,
    seed: int | None = None,
    cache: FeatureCache | None = None,
    show_bar: bool = False,
    num_shown: int = 0,
) -> SampleSet | None:
    """Return a generator's samples as the suite's measures see them; None on all ranks but the first.

    Args:
        num_shown: of how many to keep samples and features for pictures, beyond what the measures need.
        others: see `evaluate`.
    """
    num, seed = suite.num_samples if num is None else num, suite.seed if seed is None else seed
    sampler = sampler.beside(datamodule)
    keep = Keep.for_measures(suite.measures.values(), num).showing(num_shown, suite.learned)
    lent = conditions_like(datamodule, (*sampler.conditions, *sorted(keep.fields)), num, seed)
    conditions = {name: rows for name, rows in lent.items() if name in sampler.conditions}
    inputs = sampler.inputs(num, seed, None, truncation, conditions)
    beside = {name: rows for name, rows in {**lent, **inputs}.items() if name in {"label", *keep.fields}}
    is_shown = show_bar and is_first()
    with Bar("Fakes", len(share(num)), enabled=is_shown) as bar, full_precision():

        def read(start: int, stop: int) -> Iterator[Batch]:
            part = {name: rows[start:stop] for name, rows in inputs.items()}
            batches = (batch.detach().float() for batch in sampler.batches(part, batch_size))
            rows = {name: values[start:stop] for name, values in beside.items()}
            return counted(with_fields(batches, rows), bar.advance)

        source = "" if cache is None else weights_hash(sampler)
        source += f" {seed} {truncation} {batch_size} {_hash(inputs, sampler)}"
        source += "" if temperature_of(sampler) == 1 else f" temperature {temperature_of(sampler)}"
        samples = collect_shares(source, read, num, suite.extractors, keep, cache)
    return None if samples is None else replace(samples, sampler=sampler, truncation=truncation)


def compare_samples(
    suite: Suite, fake: SampleSet, seed: int, ema: bool | None, num_evaluations: int
) -> Result:
    """Return the result of a generator's samples from `draw`, its contract complete; arguments as in `evaluate`."""
    result = suite.compare(fake, seed)
    terms = {"ema": ema, "truncation": "none" if fake.truncation is None else fake.truncation}
    if temperature_of(fake.sampler) != 1:
        terms["temperature"] = temperature_of(fake.sampler)
    result.contract.update(terms, num_evaluations=num_evaluations)
    return result


def temperature_of(sampler: Any) -> float:
    """Return the temperature at which a sampler draws tokens, 1 where nobody has set one."""
    return getattr(sampler, "temperature", 1.0)


def evaluate_seeds(
    suite: Suite, sampler: Sampler, datamodule: Any, seeds: Sequence[int], **kwargs: Any
) -> Result:
    """Return the mean of each figure over evaluations with the given seeds, and their deviations.

    Args:
        seeds: keys of the latents, from two up; the deviation has N - 1 in the denominator.
        kwargs: see `evaluate`.
    """
    results = [evaluate(suite, sampler, datamodule, seed=seed, **kwargs) for seed in seeds]
    values = {name: [result.values[name] for result in results] for name in results[0].values}
    return replace(
        results[0],
        values={name: statistics.fmean(each) for name, each in values.items()},
        deviation={name: statistics.stdev(each) for name, each in values.items()},
        contract={**results[0].contract, "seed": list(seeds)},
        notes={},
    )


def weights_hash(sampler: Sampler) -> str:
    """Return a hash of the generator's weights and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sampler.generator.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _hash(inputs: Mapping[str, Tensor], sampler: Sampler) -> str:
    """Return a hash of the conditions among the inputs; the noise follows from the seed."""
    conditions = {name: rows for name, rows in inputs.items() if name not in sampler.noise}
    if not conditions:
        return "none"
    digest = hashlib.sha256()
    for rows in conditions.values():
        digest.update(rows.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def conditions_like(datamodule: Any, names: Sequence[str], num: int, seed: int) -> dict[str, Tensor]:
    """Return fields of ``num`` samples in the proportions of the data; what it does not have is left out."""
    draw_conditions = getattr(datamodule, "draw_conditions", None)
    if not names or draw_conditions is None:
        return {}
    return draw_conditions(names, num, seed)
