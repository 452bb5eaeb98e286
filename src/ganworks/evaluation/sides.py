"""Sides of an evaluation that come from outside: folders of images, and files of mean and covariance."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from omegaconf import DictConfig

from ganworks.data.evaluated import EvaluatedImages, read_alike
from ganworks.data.sample_format import MAX_PIXELS, SampleFormat
from ganworks.data.value_range import AUTO, DTYPE
from ganworks.errors import SettingError, setting_path
from ganworks.metric import Extractor, Result, SampleSet, Suite
from ganworks.metric.collect import Keep
from ganworks.metric.extractor import ImageExtractor
from ganworks.metric.statistics_file import FEATURES, Statistics, is_statistics
from ganworks.run.instantiate import make
from ganworks.sample.sampler import Sampler
from ganworks.sample.trained_format import SETTINGS

log = logging.getLogger(__name__)

NOT_SAID = "not said"


@dataclass(frozen=True)
class Sides:
    """The two sides of an evaluation, and how they were named.

    Args:
        real: a data module, `EvaluatedImages` or `Statistics`.
        fake: a generator's `Sampler`, `EvaluatedImages` or `Statistics`.
        names: the paths behind ``real=`` and ``fake=``, where they were given.
    """

    real: Any
    fake: Any
    names: tuple[str | None, str | None] = (None, None)

    @property
    def named(self) -> list[tuple[str, str, Any]]:
        """Setting, path and side of both."""
        return [("real", str(self.names[0]), self.real), ("fake", str(self.names[1]), self.fake)]

    @property
    def sampler(self) -> Sampler | None:
        """The generator, where there is one."""
        return self.fake if isinstance(self.fake, Sampler) else None

    @property
    def are_statistics(self) -> bool:
        """Whether both are files of statistics, so that no extractor is needed."""
        return isinstance(self.real, Statistics) and isinstance(self.fake, Statistics)


def find(
    setting: str,
    path: str,
    channels: int = 3,
    resolution: int | Sequence[int] | None = None,
    **how: Any,
) -> EvaluatedImages | Statistics:
    """Return the folder of images or the file of statistics at ``path``.

    Args:
        setting: its name on the command line.
        channels, resolution: what images are brought to; see `EvaluatedImages`.
        how: its other settings, see `how_read`.
    """
    if is_statistics(path):
        return Statistics.load(path)
    renamed = {"root": setting, **{name: f"data.{name}" for name in ("value_range", "max_pixels", *SETTINGS)}}
    with setting_path(renamed=renamed):
        return EvaluatedImages(path, channels, resolution, **how)


def how_read(data: DictConfig, trained: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return how the images of a folder are read: range, limit of pixels, and what else a `SampleFormat` says.

    Args:
        data: the settings of a folder.
        trained: the settings of the data that a generator was trained on, which count where ``data`` has the default.
    """
    value_range = data.get("value_range", AUTO)
    if value_range == AUTO and trained:
        # A run on files that does not say how it read them was trained before there was a choice.
        value_range = trained.get("value_range", DTYPE if "max_corrupt" in trained else AUTO)
    if not isinstance(value_range, str):
        value_range = list(value_range)
    told = {name: plain for name in SETTINGS if (plain := _told(name, data, trained or {})) is not None}
    return {"value_range": value_range, "max_pixels": data.get("max_pixels", MAX_PIXELS), **told}


def _told(name: str, *settings: Mapping[str, Any]) -> Any:
    """Return the first value of a setting that is not its default, or None."""
    default = {each.name: each.default for each in fields(SampleFormat)}[name]
    values = (node.get(name) for node in settings)
    found = next((each for each in values if each not in (None, default, "white")), None)
    return found if found is None or isinstance(found, str) else list(found)


def find_beside(sampler: Sampler, path: str, data: DictConfig) -> EvaluatedImages | Statistics:
    """Return the reals at ``path``, brought to the shape that a generator makes, in the range it was trained with.

    Args:
        data: the settings of a folder; a range of values in them counts more.
    """
    shape = sampler.shape
    if sampler.kind.is_image:
        how = how_read(data, sampler.config.get("data"))
        real = find("real", path, shape[0], shape[1:], **how)
        if isinstance(real, EvaluatedImages):
            read_alike(real)
        return real
    if not is_statistics(path):
        raise SettingError(
            "real", path, f"left out, or a .npz file: this generator makes {sampler.kind.noun}, not images"
        )
    return find("real", path)


def make_suite(config: DictConfig, sides: Sides, is_shown: bool = False, **changes: Any) -> Suite:
    """Return the suite of ``config.metric``, checked against both sides, and whether they can be shown.

    Measures that need more than the mean and covariance in a file of statistics are left out, with a warning.
    """
    if not config.metric.get("measure"):
        raise SettingError("metric", "none", "one that measures: metric=fid, metric=digits or metric=mixture")
    suite = make("metric", config.metric, **changes)
    for setting, path, side in sides.named:
        if isinstance(side, Statistics):
            suite = make("metric", _of_moments(suite, config.metric, setting, path), **changes)
    with setting_path("metric"):
        if not sides.are_statistics:
            suite.check()
        for _, _, side in sides.named:
            if not isinstance(side, Sampler | Statistics):
                suite.check_data(side)
        if not isinstance(sides.fake, Statistics):
            suite.check_generator(sides.sampler.generator if sides.sampler else None)
    _check_sizes(suite, sides, is_shown)
    _check_statistics(suite, sides)
    return suite


def prepare(suite: Suite, sides: Sides, num_shown: int = 0) -> None:
    """Take the features of the reals, and keep the first ``num_shown`` images for pictures."""
    if isinstance(sides.real, Statistics):
        if not sides.are_statistics:
            suite.load()
        real = sides.real.sample_set(statistics_extractor(suite, "real"))
        suite.adopt(real, sides.real.terms["split"])
        return
    with setting_path("metric", renamed={"root": "real"}):
        suite.prepare(sides.real, num_shown)


def num_fakes(fake: EvaluatedImages | Statistics, config: DictConfig, overrides: list[str]) -> int:
    """Return how many fakes there are, or how many of the first ones are asked for."""
    is_asked = any(override.startswith("metric.num_samples=") for override in overrides)
    num = config.metric.get("num_samples")
    if isinstance(fake, Statistics):
        if is_asked:
            raise SettingError("metric.num_samples", num, "left out: the fakes are statistics")
        return fake.num or len(fake.mean) + 1
    if is_asked and num > len(fake):
        raise SettingError("metric.num_samples", num, f"at most {len(fake)}, the images in fake=")
    return num if is_asked else len(fake)


def collect_fakes(suite: Suite, fake: EvaluatedImages | Statistics, num_shown: int = 0) -> SampleSet | None:
    """Return the fakes as the suite's measures see them; on several ranks the first one has them."""
    if isinstance(fake, Statistics):
        return fake.sample_set(statistics_extractor(suite, "fake"))
    keep = Keep.for_measures(suite.measures.values(), suite.num_samples).showing(num_shown, suite.learned)
    return suite.collect(fake, suite.num_samples, keep, "Features of fakes")


def save_statistics(suite: Suite, found: SampleSet, setting: str, path: str, split: str) -> None:
    """Write mean and covariance of the features of a set to ``path``."""
    name = statistics_extractor(suite, setting)
    Statistics.of(found[name], {**suite.extractors[name].contract, "split": split}).save(path)


def described(figures: Result, sides: Sides) -> Result:
    """Complete the contract by what files of statistics say, and do not say, about themselves."""
    contract = figures.contract
    for words, _, side in sides.named:
        if isinstance(side, Statistics):
            contract[f"num_{words}"] = NOT_SAID if side.num is None else side.num
            if silent := [name for name in FEATURES if name not in side.terms]:
                contract[f"{words}_statistics"] = f"{', '.join(silent)} {NOT_SAID}"
    if sides.are_statistics:
        known = {**sides.fake.terms, **sides.real.terms}
        for terms in contract["extractor"].values():
            terms |= {name: known.get(name, NOT_SAID) for name in FEATURES}
    if sides.sampler is None:  # images do not say how they were drawn
        contract |= dict.fromkeys(("ema", "truncation", "num_evaluations"), NOT_SAID)
    if isinstance(sides.fake, Statistics):
        figures.notes["fake_split"] = sides.fake.terms["split"]
    elif isinstance(sides.fake, EvaluatedImages):
        figures.notes["fake_split"] = f"{sides.fake.name} {sides.fake.fingerprint}"
    return figures


def statistics_extractor(suite: Suite, setting: str) -> str:
    """Return the one extractor whose moments the suite takes; raise `SettingError` unless it is one."""
    names = sorted(
        {name for found in suite.measures.values() if "moments" in found.needs for name in found.extractors}
    )
    if len(names) != 1:
        allowed = (
            "left out, or with a metric that has the Frechet distance of one extractor, such as metric=fid"
        )
        raise SettingError(setting, ", ".join(names) or "no extractor", allowed)
    return names[0]


def _of_moments(suite: Suite, config: DictConfig, setting: str, path: str) -> DictConfig:
    """Return the settings of the metric without what needs more than mean and covariance; say what that is."""
    others = {name: found for name, found in suite.measures.items() if found.needs != {"moments"}}
    if len(others) == len(suite.measures):
        allowed = f"one with a Frechet distance, such as metric=fid: {path} holds mean and covariance alone"
        raise SettingError("metric", ", ".join(suite.measures), allowed)
    if figures := [figure for found in others.values() for figure in found.better]:
        log.warning(
            "Left out, as %s=%s holds mean and covariance alone: %s.", setting, path, ", ".join(figures)
        )
    for name in others:
        config.measure[name] = None
    config.floor = False
    config.best = None
    return config


def _check_sizes(suite: Suite, sides: Sides, is_shown: bool = False) -> None:
    """Raise `SettingError` where pixels are compared, or pictures shown, and images differ in size."""
    folders = [side for side in (sides.real, sides.fake) if isinstance(side, EvaluatedImages)]
    resizes = all(isinstance(extractor, ImageExtractor) for extractor in suite.extractors.values())
    reads_pixels = suite.has_floor or any("samples" in found.needs for found in suite.measures.values())
    if not folders or (resizes and not reads_pixels and not is_shown):
        return
    sizes = sorted(set().union(*(folder.sizes for folder in folders)))
    if len(sizes) > 1:
        shown = ", ".join(f"{height} x {width}" for height, width in sizes[:3])
        more = ", ..." if len(sizes) > 3 else ""
        use = "pictures put images side by side" if is_shown else "pixels are compared"
        allowed = f"given: {use}, and the images have {len(sizes)} sizes ({shown}{more})"
        raise SettingError("resolution", "", allowed)


def _check_statistics(suite: Suite, sides: Sides) -> None:
    """Raise `GanworksError` where a file of statistics belongs to other features than the metric's."""
    found = [(path, side) for _, path, side in sides.named if isinstance(side, Statistics)]
    if not found:
        return
    name = statistics_extractor(suite, "metric")
    extractor = suite.extractors[name]
    for path, side in found:
        terms = dict(extractor.contract)
        if sides.are_statistics:  # no weights are read, so their hash is what the files say
            terms.pop("weights_sha256")
        side.check_terms(path, terms, extractor.num_features)
        side.check_terms(path, found[0][1].terms, len(found[0][1].mean))
    if not sides.are_statistics and extractor.num_features is None:
        found[0][1].check_terms(found[0][0], {}, _num_features(extractor, sides))


def _num_features(extractor: Extractor, sides: Sides) -> int:
    """Return how many features an extractor has, by a look at one image."""
    side = sides.real if isinstance(sides.fake, Statistics) else sides.fake
    shape = side.shape
    extractor.load()
    with torch.no_grad():
        return extractor(torch.zeros(1, *shape)).features.shape[1]
