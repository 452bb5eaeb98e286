"""The pictures of an evaluation: drawn from its samples, and in the loggers of the run that was evaluated."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig
from torch import Tensor

from ganworks.data.evaluated import EvaluatedImages
from ganworks.metric import SampleSet, Suite
from ganworks.picture import Population, log_pictures, write_figures
from ganworks.run.build import build_loggers

log = logging.getLogger(__name__)

MAX_REALS, MAX_FAKES = 20_000, 2000  # that are held in memory; the reals are searched for neighbours
MAX_NUMBERS = 2**29  # of each kind in memory, 2 GB: 2,730 images of 256 pixels


def num_shown(num: int, most: int, shape: Sequence[int]) -> int:
    """Return of how many of ``num`` samples of ``shape`` to keep pixels and features for pictures."""
    return min(num, most, max(2, MAX_NUMBERS // math.prod(shape)))


def draw_figures(
    folder: Path,
    suite: Suite,
    fake: SampleSet,
    nums: tuple[int, int],
    classes: tuple[Tensor, Tensor] | None = None,
) -> list[Path]:
    """Write the pictures that there can be of an evaluation to ``folder``; return their paths.

    Args:
        suite: prepared; the features are those of its first extractor that gives more than the values themselves.
        fake: the fakes, with the generator where there is one.
        nums: how many reals and fakes are shown.
        classes: of the reals and of the fakes, where they have some of their own.
    """
    real, name = suite.real, suite.learned
    if nums[0] < real.num:
        log.info("The pictures are of the first %s of %s real samples.", f"{nums[0]:,}", f"{real.num:,}")
    own = classes or (None, None)
    reals = population(real, name, nums[0], own[0])
    fakes = population(fake, name, nums[1], own[1])
    words = f"features of {name}"
    return write_figures(folder, reals, fakes, fake.sampler, suite.seed, extractor=words)


def population(found: SampleSet, name: str | None, num: int, classes: Tensor | None = None) -> Population:
    """Return the first ``num`` samples with what the extractor ``name`` says of them."""
    assert found.samples is not None
    samples = found.samples[:num]
    features, logits = (None, None) if name is None else (found[name].features[:num], found[name].logits)
    if classes is not None:
        return Population(samples, features, classes[:num], classified_by="that its folder is")
    return Population(samples, features, None if logits is None else logits[:num].argmax(1))


def classes_of(real: object, fake: object) -> tuple[Tensor, Tensor] | None:
    """Return the classes of two folders in the order of their images, if both have the same subfolders."""
    if not (isinstance(real, EvaluatedImages) and isinstance(fake, EvaluatedImages)):
        return None
    first, second = real.files.labels, fake.files.labels
    if first is None or second is None or real.files.classes != fake.files.classes:
        return None
    return first[real.order], second[fake.order]


def log_figures(paths: list[Path], config: DictConfig, run_dir: Path, images_seen: int) -> None:
    """Log the pictures ``paths`` as ``figures/<name>`` in the loggers of ``config``, which go on in ``run_dir``.

    Args:
        config: of the run.
        images_seen: of the weights that were evaluated; the place on the axis.
    """
    loggers = build_loggers(config, run_dir)
    log_pictures({f"figures/{path.stem}": path for path in paths}, loggers, images_seen)
    for logger in loggers:
        logger.finalize("success")
