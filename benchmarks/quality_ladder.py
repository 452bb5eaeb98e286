"""What each metric can and cannot see: generators of digits that fail in a known way, each beside unseen real digits.

    python benchmarks/quality_ladder.py [--markdown]

The reals are the half of the digits that the shipped classifier was trained on; the first rung is the other half. Every
rung answers the same 800 labels, so that the number of images is the same throughout. A figure is marked with ! where
it ranks wrongly: no worse than that of the unseen digits, or better than that of the milder rung of its kind, by more
than chance makes of it, the range over five other halvings of the digits. A minute and a half on one core.

A second ladder is that of clips of moving digits, beside those of the held-out half: real clips with frozen frames,
with shuffled frames and with noise (docs/video.md); chance are five other draws of the paths.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from ganworks.data import MovingDigits
from ganworks.metric import (
    Authenticity,
    ClassDivergence,
    ClassRatio,
    ClipDistance,
    DigitsAccuracy,
    DigitsExtractor,
    FeatureSet,
    FrechetDistance,
    Identity,
    ImageSimilarity,
    InceptionScore,
    IntraFrechetDistance,
    KernelDistance,
    Measure,
    Memorised,
    MotionStatistics,
    MovingDigitsExtractor,
    PrecisionRecall,
    Recognised,
    SampleSet,
    SlicedWasserstein,
    SpectrumDistance,
    digits_half,
    digits_images,
)
from ganworks.noise import keyed_rng

NUM = 800
NUM_CLASSES = 10
NUM_HALVINGS = 5

# from mild to severe, by kind
KINDS = (("1 class lost", "3 lost", "1 class", "1 image"), ("blur .45", "blur 1"), ("noise .2", "noise .6"))

MEASURES: tuple[Measure, ...] = (
    FrechetDistance("digits", "fd_digits"),
    KernelDistance("digits"),
    ClipDistance("digits", "cmmd_digits"),
    PrecisionRecall("digits"),
    InceptionScore("digits", name="score_digits"),
    ClassRatio("digits"),
    ClassDivergence("digits"),
    IntraFrechetDistance("digits", "intra_fd_digits"),
    DigitsAccuracy(),
    ImageSimilarity(within_classes=True, num_scales=1, sigma=0.9, name="ssim"),
    SpectrumDistance(),
    SlicedWasserstein(),
    Memorised("identity"),
    Authenticity("identity"),
)
CLIP_MEASURES: tuple[Measure, ...] = (
    FrechetDistance("moving_digits", "fvd_digits"),
    PrecisionRecall("moving_digits"),
    MotionStatistics(),
    Recognised("moving_digits", "digit_recognised"),
)


@dataclass(frozen=True)
class Digits:
    """Images (N, 1, 8, 8) with their labels (N,)."""

    images: Tensor
    labels: Tensor

    def drawn(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Return an image of each of ``labels`` (M,): all of the class in turn, in a random order."""
        images = torch.empty(len(labels), *self.images.shape[1:])
        for label in labels.unique():
            own = (self.labels == label).nonzero().flatten()
            own = own[torch.randperm(len(own), generator=rng)]
            asked = (labels == label).nonzero().flatten()
            images[asked] = self.images[own[torch.arange(len(asked)) % len(own)]]
        return images


def rungs_of(train: Digits, unseen: Digits, num: int = NUM) -> dict[str, Digits]:
    """Return generators that answer ``num`` labels, by what is wrong with them."""
    rng = keyed_rng("quality ladder")
    labels = unseen.labels[torch.randperm(len(unseen.labels), generator=rng)[:num]]
    good = unseen.drawn(labels, rng)

    def without(num_dropped: int) -> Tensor:
        """Labels of the first classes are answered with images of the others."""
        other = torch.randint(num_dropped, NUM_CLASSES, (num,), generator=rng)
        return unseen.drawn(torch.where(labels < num_dropped, other, labels), rng)

    noise = torch.randn(good.shape, generator=rng)
    one_each = torch.stack([good[labels == label][1] for label in range(NUM_CLASSES)])
    images = {
        "unseen": good,
        "1 class lost": without(1),
        "3 lost": without(3),
        "1 class": unseen.drawn(torch.full_like(labels, 3), rng),
        "1 image": one_each[3] + 0.02 * noise,
        "1 a class": one_each[labels] + 0.02 * noise,
        "blur .45": gaussian_blur(good, 3, 0.45),
        "blur 1": gaussian_blur(good, 5, 1.0),
        "noise .2": good + 0.2 * noise,
        "noise .6": good + 0.6 * noise,
        "copies": train.drawn(labels, rng),
    }
    shuffled = labels[torch.randperm(num, generator=rng)]
    return {name: Digits(x, labels) for name, x in images.items()} | {"shuffled": Digits(good, shuffled)}


def sample_set(digits: Digits, extractor: DigitsExtractor) -> SampleSet:
    """Return the digits as the measures read them."""
    num = len(digits.images)
    found, pixels = extractor(digits.images), Identity()(digits.images)
    sets = {
        "digits": FeatureSet(num, found.features, found.logits),
        "identity": FeatureSet(num, pixels.features),
    }
    return SampleSet(num, sets, samples=digits.images, labels=digits.labels)


def figures_of(real: SampleSet, fake: SampleSet, measures: Sequence[Measure] = MEASURES) -> dict[str, float]:
    """Return the figures of all measures."""
    values = {}
    for measure in measures:
        found = measure.figures(real, fake, keyed_rng("quality ladder", type(measure).__name__))
        values |= {name: float(found[name]) for name in measure.better}
    return values


def better_of(measures: Sequence[Measure] = MEASURES) -> dict[str, str]:
    """Return each figure with "min" or "max"."""
    return {name: mode for measure in measures for name, mode in measure.better.items()}


def climb(measures: Sequence[Measure] = MEASURES) -> dict[str, dict[str, float]]:
    """Return the figures of each rung."""
    extractor = DigitsExtractor()
    extractor.load()
    train, unseen = (Digits(*digits_half(train=half)) for half in (True, False))
    real = sample_set(train, extractor)
    rungs = rungs_of(train, unseen)
    return {name: figures_of(real, sample_set(rung, extractor), measures) for name, rung in rungs.items()}


def chance(measures: Sequence[Measure] = MEASURES, num_halvings: int = NUM_HALVINGS) -> dict[str, float]:
    """Return the range of each figure of unseen digits over other halvings of all of them."""
    extractor = DigitsExtractor()
    extractor.load()
    images, labels = digits_images()
    found = []
    for halving in range(num_halvings):
        order = torch.randperm(len(images), generator=keyed_rng("quality ladder", "halving", halving))
        first, second = order[: len(order) // 2], order[len(order) // 2 :][:NUM]
        real, fake = (sample_set(Digits(images[rows], labels[rows]), extractor) for rows in (first, second))
        found.append(figures_of(real, fake, measures))
    return {
        name: max(values[name] for values in found) - min(values[name] for values in found)
        for name in better_of(measures)
    }


def clips_set(clips: Tensor, labels: Tensor, extractor: MovingDigitsExtractor) -> SampleSet:
    """Return clips as the measures read them."""
    found = extractor(clips)
    sets = {"moving_digits": FeatureSet(len(clips), found.features, found.logits)}
    return SampleSet(len(clips), sets, samples=clips, labels=labels)


def climb_clips(num: int = 1802) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Return the figures of each rung of ``num`` clips, and the range of each over other paths of real ones."""
    extractor = MovingDigitsExtractor()
    extractor.load()

    def unseen(seed: int) -> SampleSet:
        samples = MovingDigits(num_clips=num, seed=seed).samples
        return clips_set(samples.read(torch.arange(num)), samples.labels, extractor)

    data = MovingDigits(num_clips=num)
    real = clips_set(data.reference.read(torch.arange(num)), data.reference.labels, extractor)
    rungs = {"unseen": unseen(0)}
    for name, fields in data.baselines(num, 0).items():
        rungs[name] = clips_set(fields["real"], fields["label"], extractor)
    others = [figures_of(real, unseen(seed), CLIP_MEASURES) for seed in range(1, NUM_HALVINGS + 1)]
    margin = {name: max(o[name] for o in others) - min(o[name] for o in others) for name in others[0]}
    return {name: figures_of(real, rung, CLIP_MEASURES) for name, rung in rungs.items()}, margin


def misranked(
    figures: Mapping[str, Mapping[str, float]], margin: Mapping[str, float], better: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return for each figure the rungs that it puts too high, by what `margin` counts as a difference."""
    milder = {rung: before for kind in KINDS for before, rung in itertools.pairwise(kind)}
    found: dict[str, list[str]] = {}
    for name, mode in better.items():
        sign = 1 if mode == "min" else -1
        worse = {rung: sign * values[name] for rung, values in figures.items()}
        found[name] = [
            rung
            for rung in figures
            if rung != "unseen"
            and (
                not worse[rung] > worse["unseen"] + margin[name]
                or worse[rung] < worse[milder.get(rung, rung)] - margin[name]
            )
        ]
    return found


def rows_of(
    figures: Mapping[str, Mapping[str, float]], wrong: Mapping[str, Sequence[str]], better: Mapping[str, str]
) -> list[list[str]]:
    """Return a row a figure: its name with the good direction, and its value on each rung, marked where wrong."""
    return [
        [f"{name} {'↓' if better[name] == 'min' else '↑'}"]
        + [f"{values[name]:.3g}{' !' if rung in wrong[name] else ''}" for rung, values in figures.items()]
        for name in better
    ]


def show(
    what: str,
    figures: Mapping[str, Mapping[str, float]],
    margin: Mapping[str, float],
    better: Mapping[str, str],
    is_markdown: bool,
) -> None:
    """Print the table of a ladder."""
    header, rows = ["figure", *figures], rows_of(figures, misranked(figures, margin, better), better)
    if is_markdown:
        lines = [header, ["---", *["---:"] * len(figures)], *rows]
        print("\n".join("| " + " | ".join(line) + " |" for line in lines))
        return
    table = Table(title=f"quality ladder of {what}; ! = ranked wrongly", title_justify="left")
    for index, column in enumerate(header):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    Console(width=200).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print the tables of docs/metrics.md and docs/video.md"
    )
    arguments = parser.parse_args()
    with torch.no_grad():
        figures, margin = climb(), chance()
        clips, clips_margin = climb_clips()
    show("digits", figures, margin, better_of(), arguments.markdown)
    show("clips of moving digits", clips, clips_margin, better_of(CLIP_MEASURES), arguments.markdown)


if __name__ == "__main__":
    main()
