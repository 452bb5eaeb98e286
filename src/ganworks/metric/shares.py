"""Samples in shares: on several devices each rank reads some of them, and the first one has all in the end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar

import torch.distributed as dist

from ganworks.metric.collect import Keep, collect
from ganworks.metric.extractor.base import Extractor
from ganworks.metric.feature_cache import FeatureCache, Kept, Read
from ganworks.metric.sample_set import SampleSet, joined

T = TypeVar("T")


def collect_shares(
    source: str,
    read: Read,
    num: int,
    extractors: Mapping[str, Extractor],
    keep: Keep,
    cache: FeatureCache | None = None,
) -> SampleSet | None:
    """Return ``num`` samples as the measures see them on the first rank, None on the others.

    Each rank reads its `share`. What is kept in the cache is the whole set, the same for any number of ranks;
    their shares are kept until it is complete.

    Args:
        source: what the samples are, for the cache.
        read: returns some of them, by their numbers.
        keep: what to keep of all of them.
    """
    if num_ranks() == 1:
        return _collect(source, read, range(num), num, extractors, keep, cache)
    rows = share(num)
    with ExitStack() as stack:
        kept = Kept()
        if cache is not None and is_first():
            kept = stack.enter_context(cache.open(source, range(num), num, extractors, keep))
        missing = keep.without(_of_first(sorted(kept.there))).after(rows.start)
        is_needed = len(rows) > 0 and not missing.is_empty
        part = _collect(source, read, rows, num, extractors, missing, cache) if is_needed else None
        parts = gathered(part)
        if cache is not None:
            cache.forget(source, rows, num, extractors, missing)
        if not is_first():
            return None
        return kept.add(replace(joined(parts), num=num) if parts else SampleSet(num))


def _collect(
    source: str,
    read: Read,
    rows: range,
    num: int,
    extractors: Mapping[str, Extractor],
    keep: Keep,
    cache: FeatureCache | None,
) -> SampleSet:
    if cache is None:
        return collect(read(rows.start, rows.stop), num, extractors, keep)
    return cache.collect(source, read, rows, num, extractors, keep)


def share(num: int) -> range:
    """Return which of ``num`` samples this rank takes: they follow each other, and differ by one in number."""
    rank = dist.get_rank() if dist.is_initialized() else 0
    return range(num * rank // num_ranks(), num * (rank + 1) // num_ranks())


def num_ranks() -> int:
    """Return how many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Say whether this is the rank that has all in the end."""
    return not dist.is_initialized() or dist.get_rank() == 0


def gathered(part: SampleSet | None) -> list[SampleSet]:
    """Return the parts of all ranks, in their order, on the first rank; nothing on the others."""
    parts: list[SampleSet | None] = [None] * num_ranks()
    dist.gather_object(part, parts if is_first() else None)
    return [found for found in parts if found is not None]


def _of_first(value: T) -> T:
    """Return what the first rank has."""
    values = [value]
    dist.broadcast_object_list(values)
    return values[0]
