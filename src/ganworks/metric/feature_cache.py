"""Features that are computed once: kept in a folder by content, and in parts while they are being computed.

Each extractor's features of a set of samples are one file, named after all that they depend on. Work on a large
set is done in parts, each kept until the set is complete, so that an interruption costs one part.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors import SafetensorError
from torch import Tensor

from ganworks.digest import load_tensors, save_tensors
from ganworks.errors import SettingError
from ganworks.metric.collect import Batch, Keep, collect
from ganworks.metric.distance.moments import Moments
from ganworks.metric.extractor.base import Extractor
from ganworks.metric.sample_set import FeatureSet, SampleSet, joined

log = logging.getLogger(__name__)

FORMAT = 1  # raise it when what is computed or how it is written changes
PART = 2000  # samples in a part: minutes of Inception on a CPU
FIELD = "field:"  # what the names of fields begin with in a file

Read = Callable[[int, int], Iterable[Batch]]  # samples number start to stop, in batches


@dataclass(frozen=True)
class Kept:
    """What the cache has of a set of samples.

    Args:
        there: the features that were found, by extractor.
        missing: the files of those that were not.
    """

    there: dict[str, FeatureSet] = field(default_factory=dict)
    missing: dict[str, Path] = field(default_factory=dict)

    def add(self, whole: SampleSet) -> SampleSet:
        """Keep what was missing; return the set with all features."""
        for name, path in self.missing.items():
            if not whole.num_not_finite:
                save(path, SampleSet(whole.num, {name: whole[name]}))
        return replace(whole, feature_sets={**whole.feature_sets, **self.there})


class FeatureCache:
    """Features in ``folder``; processes that want the same wait for the one that computes them.

    Args:
        folder: where the files are.
        part_size: samples in a part.
    """

    def __init__(self, folder: str | Path, part_size: int = PART) -> None:
        self.folder, self.part_size = Path(folder).expanduser(), part_size

    def collect(
        self, source: str, read: Read, rows: range, num: int, extractors: Mapping[str, Extractor], keep: Keep
    ) -> SampleSet:
        """Return the samples number ``rows`` of ``num``, computing what is not there.

        Args:
            source: what the samples are: their content's hash, or all that they are drawn from.
            read: returns some of them, by their numbers.
            keep: what to keep of these rows.
        """
        with self.open(source, rows, num, extractors, keep) as kept:
            missing = keep.without(kept.there)
            if missing.is_empty:
                return SampleSet(len(rows), kept.there)
            reads_all = missing.num_features or missing.labels
            parts = self._parts(kept.missing, rows if reads_all else rows[: missing.num_samples], missing)
            sets = []
            for part, file in parts.items():
                found = load(file) if file is not None else None
                if found is None:
                    found = collect(
                        read(part.start, part.stop), num, extractors, missing.after(part.start - rows.start)
                    )
                    if file is not None:
                        save(file, found)
                sets.append(found)
            whole = kept.add(replace(joined(sets), num=len(rows)))
            for file in parts.values():
                if file is not None:
                    file.unlink(missing_ok=True)
        return whole

    @contextmanager
    def open(
        self, source: str, rows: range, num: int, extractors: Mapping[str, Extractor], keep: Keep
    ) -> Iterator[Kept]:
        """Yield what is there of a set, which nobody else computes meanwhile; arguments as for `collect`."""
        paths = self._paths(source, rows, num, extractors, keep)
        with ExitStack() as locks:
            for path in paths.values():
                self._lock(path, locks)
            there = {name: found[name] for name, path in paths.items() if (found := load(path)) is not None}
            yield Kept(there, {name: path for name, path in paths.items() if name not in there})

    def forget(
        self, source: str, rows: range, num: int, extractors: Mapping[str, Extractor], keep: Keep
    ) -> None:
        """Remove the features of a set, such as a share of one that is complete."""
        for path in self._paths(source, rows, num, extractors, keep).values():
            path.unlink(missing_ok=True)

    def _paths(
        self, source: str, rows: range, num: int, extractors: Mapping[str, Extractor], keep: Keep
    ) -> dict[str, Path]:
        return {
            name: self._path(
                name, (source, rows, num, keep.num_features[name], name in keep.moments), extractor
            )
            for name, extractor in sorted(extractors.items())
            if name in keep.num_features and not extractor.is_cheap
        }

    def _parts(self, new: Mapping[str, Path], rows: range, keep: Keep) -> dict[range, Path | None]:
        """Return the parts of ``rows``, each with the file where it is kept meanwhile, if it is worth one."""
        parts = [
            range(start, min(start + self.part_size, rows.stop))
            for start in range(rows.start, rows.stop, self.part_size)
        ]
        if not new or len(parts) == 1:
            return dict.fromkeys(parts)
        log.info("Features (%s) of %s samples; kept in %s", ", ".join(new), f"{len(rows):,}", self.folder)
        name = f"part-{_hash((sorted(path.name for path in new.values()), repr(keep)))}"
        return {part: self.folder / f"{name}-{part.start}.safetensors" for part in parts}

    def _path(self, name: str, key: tuple[Any, ...], extractor: Extractor) -> Path:
        contract = sorted(extractor.contract.items())
        return self.folder / f"features-{name}-{_hash((FORMAT, *key, contract))}.safetensors"

    def _lock(self, path: Path, locks: ExitStack) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            locks.enter_context(FileLock(path.with_suffix(".lock")))
        except OSError as error:
            raise SettingError("cache", self.folder, f"a folder that can be written ({error})") from error


def _hash(key: object) -> str:
    return hashlib.sha256(repr(key).encode()).hexdigest()[:24]


def save(path: Path, samples: SampleSet) -> None:
    """Write a set to ``path``, complete or not at all."""
    save_tensors(dict(_tensors(samples)), path)


def load(path: Path) -> SampleSet | None:
    """Return the set at ``path``; None where there is none, or with a warning where the file is damaged."""
    if not path.is_file():
        return None
    try:
        tensors = load_tensors(path)
        names = dict.fromkeys(key.split("/")[0] for key in tensors if "/" in key)
        return SampleSet(
            int(tensors["num"]),
            {name: _feature_set(name, tensors) for name in names},
            tensors.get("samples"),
            tensors.get("labels"),
            num_not_finite=int(tensors["num_not_finite"]),
            fields={key.removeprefix(FIELD): rows for key, rows in tensors.items() if key.startswith(FIELD)},
        )
    except (OSError, ValueError, SafetensorError, KeyError) as error:
        log.warning(
            "%s is damaged (%s): its features are computed anew.", path, error or type(error).__name__
        )
        return None


def _tensors(samples: SampleSet) -> Iterator[tuple[str, Tensor]]:
    yield "num", torch.tensor(samples.num)
    yield "num_not_finite", torch.tensor(samples.num_not_finite)
    for name, tensor in (("samples", samples.samples), ("labels", samples.labels)):
        if tensor is not None:
            yield name, tensor.contiguous()
    for name, rows in samples.fields.items():
        yield FIELD + name, rows.contiguous()
    for name, found in samples.feature_sets.items():
        yield f"{name}/num", torch.tensor(found.num)
        yield f"{name}/features", found.features.contiguous()
        if found.logits is not None:
            yield f"{name}/logits", found.logits.contiguous()
        if found.moments is not None:
            yield f"{name}/mean", found.moments.mean
            yield f"{name}/products", found.moments.products


def _feature_set(name: str, tensors: Mapping[str, Tensor]) -> FeatureSet:
    num, products = int(tensors[f"{name}/num"]), tensors.get(f"{name}/products")
    moments = None if products is None else Moments(num, tensors[f"{name}/mean"], products)
    return FeatureSet(num, tensors[f"{name}/features"], tensors.get(f"{name}/logits"), moments)
