"""The pictures of an evaluation: drawn from its samples, and in the loggers of the run that was evaluated."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from torch import Tensor

from ganworks.cli.build import build_loggers
from ganworks.metric import Identity, Suite
from ganworks.metric.collect import Batch, Keep, collect
from ganworks.metric.reference import ReferenceData
from ganworks.metric.suite import full_precision
from ganworks.picture import Population, log_pictures, write_figures
from ganworks.sampler import Sampler

MAX_REALS, MAX_FAKES = 20_000, 2000  # that are held in memory; the reals are searched for neighbours


def draw_figures(
    folder: Path, suite: Suite, sampler: Sampler, data: ReferenceData, truncation: float | None = None
) -> list[Path]:
    """Write the pictures that there can be of a generator and its data to ``folder``; return their paths.

    Args:
        suite: loaded; the features are those of its first extractor that gives more than the values themselves.
        truncation: bound of the latents.
    """
    learned = (name for name, found in suite.extractors.items() if not isinstance(found, Identity))
    name = next(learned, None)
    num_reals, num_fakes = min(data.num_reals, MAX_REALS), min(suite.num_samples, MAX_FAKES)
    reals: list[Batch] = []
    for batch in data.reference_batches():
        reals.append((batch["real"], None))
        if sum(len(samples) for samples, _ in reals) >= num_reals:
            break
    fakes = sampler.sample(num_fakes, suite.seed, truncation=truncation).float()
    real = population(suite, name, reals, num_reals)
    fake = population(suite, name, [(part, None) for part in fakes.split(250)], num_fakes)
    words = f"features of {name}"
    return write_figures(folder, real, fake, sampler, suite.seed, extractor=words)


def population(suite: Suite, name: str | None, batches: list[Batch], num: int) -> Population:
    """Return the first ``num`` samples with what the extractor ``name`` says of them."""
    names = [] if name is None else [name]
    with full_precision():
        found = collect(batches, num, suite.extractors, Keep(dict.fromkeys(names, num), num_samples=num))
    assert found.samples is not None
    features = None if name is None else found[name].features
    logits: Tensor | None = None if name is None else found[name].logits
    return Population(found.samples, features, None if logits is None else logits.argmax(1))


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
