"""From the arguments of `evaluate.py` to figures: what is measured is found and checked first, then measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from ganworks.data.evaluated import EvaluatedImages, read_alike
from ganworks.data.sample_format import parse_resolution
from ganworks.errors import SettingError, check_count, setting_path
from ganworks.evaluation.arguments import Arguments
from ganworks.evaluation.pictures import (
    MAX_FAKES,
    MAX_REALS,
    classes_of,
    draw_figures,
    log_figures,
    num_shown,
)
from ganworks.evaluation.sides import (
    Sides,
    collect_fakes,
    described,
    find,
    find_beside,
    how_read,
    make_suite,
    num_fakes,
    prepare,
    save_statistics,
    statistics_extractor,
)
from ganworks.evaluation.source import Source
from ganworks.metric import Result, SampleSet, Suite, evaluate_seeds
from ganworks.metric.generate import compare_samples, draw
from ganworks.run.compose import compose
from ganworks.run.instantiate import make
from ganworks.run.resume import change
from ganworks.sample.trained_format import SETTINGS

OF_FOLDERS = ("data.value_range", "data.max_pixels", *(f"data.{name}" for name in SETTINGS))


@dataclass(frozen=True)
class Work:
    """What is measured, checked, before the first sample is read.

    Args:
        config: the settings of the run, or of folders.
        sides: reals and fakes.
        suite: the metric.
        source: the generator and its run; None of folders and files.
    """

    config: DictConfig
    sides: Sides
    suite: Suite
    source: Source | None = None


def of_run(arguments: Arguments, overrides: list[str]) -> Work:
    """Return a generator under its run's own metric and data, or those that are asked for."""
    source = Source.find(str(arguments.run), arguments.checkpoint, arguments.trust)
    config = source.config(arguments.data or ("folder" if arguments.real else None), arguments.metric)
    change(config, overrides)
    sampler = source.load(arguments.device).at(arguments.temperature)
    real: Any = find_beside(sampler, arguments.real, config.data) if arguments.real else make_data(config)
    sides = Sides(real, sampler, (arguments.real, None))
    return Work(config, sides, checked_suite(config, arguments, sides), source)


def of_folders(arguments: Arguments, overrides: list[str]) -> Work:
    """Return ``fake`` and ``real``, folders of images or files of statistics."""
    for name, _, value in (override.partition("=") for override in overrides):
        if not name.startswith(("metric.", "paths.", *OF_FOLDERS)):
            allowed = f"left out: of two folders only metric.x=value, {', '.join(OF_FOLDERS)} are settings"
            raise SettingError(name, value, allowed)
    config = compose(["data=folder", f"metric={arguments.metric or 'fid'}"])
    change(config, overrides)
    asked = arguments.resolution
    resolution = None if asked is None else parse_resolution("resolution", asked)
    channels = 3 if arguments.channels is None else check_count("channels", arguments.channels)
    size, how = (channels, resolution), how_read(config.data)
    fake = find("fake", str(arguments.fake), *size, **how)
    real = find("real", str(arguments.real), *size, **how)
    read_alike(*(side for side in (real, fake) if isinstance(side, EvaluatedImages)))
    sides = Sides(real, fake, (arguments.real, arguments.fake))
    num = num_fakes(fake, config, overrides)
    return Work(config, sides, checked_suite(config, arguments, sides, num_samples=num))


def make_data(config: DictConfig) -> Any:
    """Return the data of ``config``, checked."""
    datamodule = make("data", config.data)
    with setting_path("data"):
        datamodule.check()
    return datamodule


def checked_suite(config: DictConfig, arguments: Arguments, sides: Sides, **changes: Any) -> Suite:
    """Return the metric of ``config``, checked against both sides and what is to be written."""
    if arguments.seed is not None:
        changes["seed"] = arguments.seed
    suite = make_suite(config, sides, arguments.figures, **changes)
    for name in ("save_real", "save_fake"):
        if getattr(arguments, name):
            statistics_extractor(suite, name)
    return suite


def evaluate(work: Work, arguments: Arguments) -> Result | None:
    """Return the result, and write the files that are asked for; on several ranks the first one alone has it."""
    suite, sides, source = work.suite, work.sides, work.source
    nums = num_in_pictures(work) if arguments.figures else (0, 0)
    prepare(suite, sides, nums[0])
    settings: dict[str, Any] = {"truncation": arguments.truncation, "cache": suite.cache, "show_bar": True}
    if source is not None and arguments.seeds > 1:
        seeds, num = range(suite.seed, suite.seed + arguments.seeds), source.num_evaluations
        result = evaluate_seeds(suite, sides.fake, sides.real, seeds, num_evaluations=num, **settings)
        return described(result, sides) if result.values else None
    if source is None:
        fake = collect_fakes(suite, sides.fake, nums[1])
    else:
        fake = draw(suite, sides.fake, sides.real, num_shown=nums[1], **settings)
    if fake is None:
        return None
    if source is None:
        result = suite.compare(fake)
    else:
        result = compare_samples(suite, fake, suite.seed, True, source.num_evaluations)
    result = described(result, sides)
    save(arguments, suite, fake, result)
    if arguments.figures:
        write_figures(work, fake, nums)
    return result


def num_in_pictures(work: Work) -> tuple[int, int]:
    """Return how many reals and fakes the pictures take."""
    real, fake = work.sides.real, work.sides.fake
    shape = fake.shape
    num_reals = min(real.num_reals, work.suite.num_reals or real.num_reals)
    return num_shown(num_reals, MAX_REALS, shape), num_shown(work.suite.num_samples, MAX_FAKES, shape)


def write_figures(work: Work, fake: SampleSet, nums: tuple[int, int]) -> None:
    """Draw the pictures, and log them where there is a run."""
    run_dir = None if work.source is None else work.source.run_dir
    folder = (run_dir or Path()) / "figures"
    paths = draw_figures(folder, work.suite, fake, nums, classes_of(work.sides.real, work.sides.fake))
    print(f"{len(paths)} pictures in {folder}")
    if run_dir is not None:
        images_seen = work.sides.fake.config.get("images_seen", 0)
        log_figures(paths, work.config, run_dir, int(images_seen))


def save(arguments: Arguments, suite: Suite, fake: SampleSet, result: Result) -> None:
    """Write the statistics of both sides where that was asked for."""
    splits = result.contract["split"], result.notes.get("fake_split", f"samples of {arguments.run}")
    for name, samples, split in zip(("save_real", "save_fake"), (suite.real, fake), splits, strict=True):
        if path := getattr(arguments, name):
            save_statistics(suite, samples, name, path, split)
