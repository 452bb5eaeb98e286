"""Accuracy on held-out reals of classifiers that learned from reals, from reals beside fakes, and from the control."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ganworks.augmentation.fakes import agreed, best_scored, check_left
from ganworks.augmentation.lines import BATCH_SIZE, CLASSIC, LINES, Labelled, lines
from ganworks.augmentation.table import ALL, SMALL
from ganworks.bar import Bar
from ganworks.errors import SettingError
from ganworks.metric.distance.classifier_accuracy import Draw, Predict, accuracy, fit_classifier
from ganworks.metric.extractor.small_classifier import SmallClassifier

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """One seed: its labelled images, what is held out, and the fakes.

    Args:
        real: the labelled images.
        test: held-out images.
        fake: fakes of the classes ``small``.
        small: numbers of the classes that are to gain.
        names: of all classes.
        seed: key of the classifiers.
        score: of the discriminator.
    """

    real: Labelled
    test: Labelled
    fake: Labelled
    small: Sequence[int]
    names: Sequence[str]
    seed: int
    score: Callable[..., torch.Tensor] | None = None

    @property
    def has_small(self) -> bool:
        """Whether some classes are smaller than the others."""
        return len(self.small) < len(self.names)


@dataclass(frozen=True)
class Outcome:
    """What a trial gave.

    Args:
        accuracies: by line, then by group of classes.
        fake: the fakes that passed the filter.
    """

    accuracies: dict[str, dict[str, float]]
    fake: Labelled


def measure(trial: Trial, ratio: float, num_updates: int, keep: str) -> Outcome:
    """Train a classifier for each line, all from the same weights and draws, and test each on held-out reals.

    Args:
        ratio: share of each batch that is fake.
        num_updates: of each classifier.
        keep: the filter of the fakes, one of `FILTERS`.

    Raises:
        SettingError: the filter is the discriminator's, and there is none.
    """
    if keep == "discriminator" and trial.score is None:
        raise SettingError(
            "filter", keep, "classifier or none: the GAN has no checkpoint with a discriminator"
        )
    words = f"Classifiers, seed {trial.seed} (samples)"
    with Bar(words, len(LINES) * num_updates * BATCH_SIZE) as bar:

        def fit(draw: Draw) -> Predict:
            network = SmallClassifier(trial.real.images.shape[1:], len(trial.names))
            return fit_classifier(network, draw, num_updates, trial.seed, lambda: bar.advance(BATCH_SIZE))

        without = {n: fit(d) for n, d in lines(trial.real, None, trial.small, ratio).items()}
        fake = filtered(trial, without[CLASSIC], keep)
        every = lines(trial.real, fake, trial.small, ratio)
        learned = without | {name: fit(draw) for name, draw in every.items() if name not in without}
    return Outcome({name: tested(learned[name], trial) for name in LINES}, fake)


def filtered(trial: Trial, predict: Predict, keep: str) -> Labelled:
    """Return the fakes that pass the filter, and say how many these are."""
    fake = trial.fake
    if keep == "classifier":
        fake = agreed(fake, predict)
    elif keep == "discriminator":
        assert trial.score is not None
        fake = best_scored(fake, trial.score)
    check_left(fake, trial.small, trial.names)
    share = len(fake.labels) / len(trial.fake.labels)
    log.info(
        "seed %d: %d fakes pass the filter %r (%.0f %%)", trial.seed, len(fake.labels), keep, 100 * share
    )
    return fake


def tested(predict: Predict, trial: Trial) -> dict[str, float]:
    """Return the accuracy on the held-out images, of all classes and of the small ones where there are some."""
    groups = {ALL: trial.test}
    if trial.has_small:
        groups[SMALL] = trial.test.of(trial.small)
    return {name: accuracy(predict, each.images, each.labels) for name, each in groups.items()}
