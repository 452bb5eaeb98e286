"""One evaluation of a generator: named extractors, named measures, one pass over the samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganworks.bar import Bar
from ganworks.errors import SettingError, check_choice, check_count
from ganworks.metric.collect import Batch, Keep, collect, counted, take, with_fields
from ganworks.metric.contract import Contract
from ganworks.metric.extractor.base import Extractor, Identity
from ganworks.metric.feature_cache import FeatureCache
from ganworks.metric.lines import baselines, floor, has_own_reference, stand_ins_of
from ganworks.metric.measure.base import Measure
from ganworks.metric.reference import ReferenceData
from ganworks.metric.result import Result
from ganworks.metric.sample_set import SampleSet
from ganworks.metric.shares import collect_shares, is_first, share
from ganworks.model.base import num_classes_of
from ganworks.noise import keyed_rng

if TYPE_CHECKING:
    from ganworks.sample.sampler import Sampler


class Suite:
    """Measure a generator: `check` before training, `prepare` with the data, `evaluate` every now and then.

    All measures share one pass over the fakes and one pass of features per extractor; extractors that no
    measure reads are never loaded. A suite without measures measures nothing (``metric=none``).

    Args:
        extractor: extractors by name.
        measure: measures by name.
        num_samples: fakes per evaluation; every figure depends on it, so fix it.
        every_images: real images seen between two evaluations.
        seed: key of the fakes' latents and of what the measures draw.
        num_reals: take the first N real samples of the reference order; None takes all of them.
        best: the figure that picks the best checkpoint; None is the first one of the first measure.
        floor: measure once what real samples get that stand in for the fakes: the training samples where the data
            keep a reference apart, else one half of the reals against the other. Beside it, the data set's baselines.
        num_samples_training: fakes of the evaluations during training, whose figures are then named after it:
            ``fid_5k``. The one at the end has ``num_samples`` as well. None: all have ``num_samples``.
        cache: folder where the features of the reals are kept for all runs; None computes them in every run.

    Attributes:
        better: "min" or "max" of each figure.
        best: the figure that picks the best checkpoint, as it is logged during training; None without measures.
        mode: whether that one is good where it is low ("min") or high ("max").

    Raises:
        SettingError: a count is not a positive integer, a measure reads an extractor that is not there, two
            measures have a figure of the same name, or no figure is called ``best``.
    """

    def __init__(
        self,
        extractor: Mapping[str, Extractor | None],
        measure: Mapping[str, Measure | None],
        num_samples: int,
        every_images: int,
        seed: int,
        num_reals: int | None = None,
        best: str | None = None,
        floor: bool = False,
        num_samples_training: int | None = None,
        cache: str | Path | None = None,
    ) -> None:
        self.measures = {name: found for name, found in measure.items() if found is not None}
        for name, found in self.measures.items():
            if found.num_rows is not None:
                check_count(f"measure.{name}.num_rows", found.num_rows, at_least=2)
        self.num_samples = check_count("num_samples", num_samples, at_least=2 if measure else 1)
        self.every_images = check_count("every_images", every_images)
        self.num_reals = None if num_reals is None else check_count("num_reals", num_reals, at_least=2)
        self.seed, self.has_floor = check_count("seed", seed, at_least=0), floor
        self.cache = None if cache is None else FeatureCache(cache)
        self.baselines: dict[str, dict[str, float]] = {}
        self.extractors = _read_extractors(extractor, self.measures)
        self.better = _figures(self.measures)
        self.min_samples = max([2, *(found.min_samples for found in self.measures.values())])
        check_count("num_samples", num_samples, at_least=self.min_samples)
        self.num_samples_training = self.num_samples
        if num_samples_training is not None:
            check_count("num_samples_training", num_samples_training, at_least=self.min_samples)
            self.num_samples_training = int(num_samples_training)
        picks = next(iter(self.better), None) if best is None else check_choice("best", best, self.better)
        self.mode = self.better.get(picks or "", "min")
        self.best = None if picks is None else picks + self.suffix(self.num_samples_training)

    @property
    def learned(self) -> str | None:
        """The first extractor that gives more than the values themselves, whose features pictures show."""
        names = (name for name, found in self.extractors.items() if not isinstance(found, Identity))
        return next(names, None)

    def suffix(self, num: int) -> str:
        """Return what stands behind the names of figures of ``num`` fakes: nothing where it is `num_samples`."""
        return "" if num == self.num_samples else f"_{short(num)}"

    def check(self) -> None:
        """Raise what would stop an evaluation, before training starts: weights that are missing or wrong."""
        for extractor in self.extractors.values():
            extractor.check()
        for measure in self.measures.values():
            measure.check()

    def check_data(self, datamodule: ReferenceData) -> None:
        """Raise `SettingError` if these samples cannot be measured; cheap, it reads none of them."""
        for extractor in self.extractors.values():
            extractor.check_shape(datamodule.shape)
        for name, measure in self.measures.items():
            measure.check_data(datamodule)
            if "labels" in measure.needs and not getattr(datamodule, "num_classes", 0):
                raise _refused(name, measure, "labels, and the data have none (data.num_classes=0)")
            if missing := set(measure.fields) - fields_of(datamodule, measure):
                named = ", ".join(sorted(missing))
                raise _refused(name, measure, f"the field {named}, which the data do not have")
            kind = getattr(datamodule, "label_kind", "class") if "labels" in measure.needs else "class"
            if kind not in ("class", "none"):
                what = "several classes at once" if kind == "multi" else "vectors of numbers"
                raise _refused(name, measure, f"one class a sample, and the labels of the data are {what}")

    def check_generator(self, generator: nn.Module | None) -> None:
        """Raise `SettingError` if a measure needs another generator than this, or one where there is none."""
        for name, measure in self.measures.items():
            if "sampler" in measure.needs and generator is None:
                raise _refused(name, measure, "a generator to draw from, and folders of images are compared")
            if "labels" in measure.needs and not (generator is not None and num_classes_of(generator)):
                raise _refused(name, measure, "a conditional generator (model.conditional=true)")

    def prepare(self, datamodule: ReferenceData, num_shown: int = 0) -> None:
        """Load the extractors and take the features of the reals, and the floor, once.

        Under `torch.distributed` all ranks call it: each reads its share of the reals, the first one has them.

        Args:
            num_shown: of how many to keep samples and features for pictures, beyond what the measures need.
        """
        self.check_data(datamodule)
        self.load()
        with full_precision():
            real = self._real(datamodule, num_shown)
            stand_ins = stand_ins_of(self, datamodule)  # on all ranks, before all but the first leave
            if real is None:
                return
            self.adopt(real, f"{datamodule.name} {datamodule.fingerprint}")
            if self.has_floor:
                self.floor, self.baselines = floor(self, stand_ins), baselines(self, datamodule)

    def adopt(self, real: SampleSet, split: str) -> None:
        """Take the reals as they are, such as the statistics in a file; ``split`` says what they are."""
        self.real, self.contract, self.floor = real, self._contract(real, split), {}
        self.baselines = {}

    def load(self) -> None:
        """Load the extractors."""
        for extractor in self.extractors.values():
            extractor.load()

    def evaluate(
        self,
        fakes: Iterable[Tensor],
        labels: Tensor | None = None,
        sampler: Sampler | None = None,
        truncation: float | None = None,
    ) -> Result:
        """Return the figures of `num_samples` fakes.

        Args:
            fakes: batches (B, *shape) in the data's range, on any device.
            labels: (num_samples,) that the generator was given.
            sampler, truncation: where the fakes come from.
        """
        keep = Keep.for_measures(self.measures.values(), self.num_samples)
        batches = with_fields(take(fakes, self.num_samples), {} if labels is None else {"label": labels})
        with full_precision():
            fake = collect(batches, self.num_samples, self.extractors, keep)
        return self.compare(replace(fake, sampler=sampler, truncation=truncation))

    def compare(self, fake: SampleSet, seed: int | None = None) -> Result:
        """Return the figures of a set of fakes against the reals; all NaN where some of them are not finite.

        Args:
            seed: key of what the measures draw, and of the fakes themselves; None is the suite's own.
        """
        seed, suffix = self.seed if seed is None else seed, self.suffix(fake.num)
        contract = {**self.contract, "num_fake": fake.num, "seed": seed}
        contract["figure"] = {f"{name}{suffix}": terms for name, terms in contract["figure"].items()}
        if fake.num_not_finite:
            values = dict.fromkeys(contract["figure"], float("nan"))
            notes = {"num_not_finite": fake.num_not_finite}
            return Result(values, contract, self.floor, notes, baselines=self.baselines)
        found: dict[str, Any] = {}
        with full_precision():
            for name, measure in self.measures.items():
                found |= measure.figures(self.real, fake, keyed_rng(seed, name))
        values = {f"{name}{suffix}": float(found.pop(name)) for name in self.better}
        return Result(values, contract, self.floor, found, baselines=self.baselines)

    def collect(self, data: ReferenceData, num: int, keep: Keep, words: str) -> SampleSet | None:
        """Return the first ``num`` samples of ``data``, their features from the cache where they are there.

        On several ranks each reads its share; all but the first one get None.

        Args:
            words: what they are, for the progress bar.
        """
        with Bar(words, len(share(num)), enabled=is_first()) as bar, full_precision():

            def read(start: int, stop: int) -> Iterator[Batch]:
                batches = data.reference_batches(start=start, stop=stop)
                return counted(((batch["real"], batch) for batch in batches), bar.advance)

            source = "" if self.cache is None else data.fingerprint
            return collect_shares(source, read, num, self.extractors, keep, self.cache)

    def _real(self, datamodule: ReferenceData, num_shown: int) -> SampleSet | None:
        num = min(datamodule.num_reals, self.num_reals or datamodule.num_reals)
        has_halves = self.has_floor and not has_own_reference(datamodule)
        needed = 2 * self.min_samples if has_halves else self.min_samples
        if num < needed:
            raise SettingError("num_reals", num, f"{needed} or more for {', '.join(self.measures)}")
        keep = Keep.for_measures(self.measures.values(), num, everything=has_halves).showing(
            num_shown, self.learned
        )
        found = self.collect(datamodule, num, keep, "Features of real samples")
        return None if found is None else replace(found, data=datamodule)

    def _contract(self, real: SampleSet, split: str) -> Contract:
        return {
            "split": split,
            "num_real": real.num,
            "num_fake": self.num_samples,
            "seed": self.seed,
            "extractor": {name: extractor.contract for name, extractor in self.extractors.items()},
            "figure": {
                figure: {"reads": list(measure.extractors), **measure.settings}
                for measure in self.measures.values()
                for figure in measure.better
            },
        }


def _read_extractors(
    extractors: Mapping[str, Extractor | None], measures: Mapping[str, Measure]
) -> dict[str, Extractor]:
    """Return the extractors that the measures read."""
    found: dict[str, Extractor] = {}
    there = {name: extractor for name, extractor in extractors.items() if extractor is not None}
    for name, measure in measures.items():
        for read in measure.extractors:
            check_choice(f"measure.{name}.extractor", read, there)
            found[read] = there[read]
            if "logits" in measure.needs and not there[read].has_logits:
                raise _refused(name, measure, f"a classifier, and metric.extractor.{read} gives no logits")
    return found


def fields_of(data: ReferenceData, measure: Measure) -> set[str]:
    """Return the names of the fields that the data have, by a look at one sample where the measure reads some."""
    return set(next(iter(data.reference_batches(1, stop=1)))) if measure.fields else set()


def _figures(measures: Mapping[str, Measure]) -> dict[str, str]:
    """Return the names of all figures, each with "min" or "max"."""
    better: dict[str, str] = {}
    source: dict[str, str] = {}
    for name, measure in measures.items():
        for figure, mode in measure.better.items():
            if figure in better:
                raise SettingError(
                    f"measure.{name}",
                    type(measure).__name__,
                    f"one with another name: metric.measure.{source[figure]} has the figure {figure} already",
                )
            better[figure], source[figure] = mode, name
    return better


def _refused(name: str, measure: Measure, reason: str) -> SettingError:
    allowed = f"left out (~metric.measure.{name}): it needs {reason}"
    return SettingError(f"metric.measure.{name}", type(measure).__name__, allowed)


def short(num: int) -> str:
    """Return a count as names have it.

    >>> short(5000), short(50_000), short(1797)
    ('5k', '50k', '1797')
    """
    return f"{num // 1000}k" if num % 1000 == 0 else str(num)


@contextmanager
def full_precision() -> Iterator[None]:
    """Neither gradients nor autocast, whatever surrounds the evaluation."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield
