"""The batches of each line, the filters, the statistics and the words, each with a control that must fail."""

from __future__ import annotations

import math
import statistics

import pytest
import torch
from torch import Tensor

from ganworks.augment.classic import classic
from ganworks.augmentation.fakes import agreed, best_scored, check_left
from ganworks.augmentation.lines import (
    BOTH,
    CLASSIC,
    CONTROL,
    GAN,
    NONE,
    Labelled,
    as_they_are,
    balanced,
    lines,
)
from ganworks.augmentation.measure import Trial, measure
from ganworks.augmentation.table import ALL, Accuracies, Difference, said
from ganworks.errors import GanworksError, SettingError
from ganworks.metric import ImageAccuracy, SampleSet
from ganworks.metric.distance.classifier_accuracy import fit_classifier, fit_digits_classifier, mixed
from ganworks.metric.extractor.digits import DigitsClassifier, digits_half
from ganworks.metric.extractor.small_classifier import SmallClassifier
from ganworks.metric.extractor.train_digits_classifier import BATCH_SIZE, shifted
from ganworks.noise import keyed_rng


def constant(value: float, label: int, num: int) -> Labelled:
    return Labelled(torch.full((num, 1, 4, 4), value), torch.full((num,), label))


def both(*parts: Labelled) -> Labelled:
    return Labelled(torch.cat([p.images for p in parts]), torch.cat([p.labels for p in parts]))


REAL = both(constant(-1.0, 0, 90), constant(-0.5, 1, 10))
FAKE = constant(0.5, 1, 30)


def counts(draw: object, num: int = 200) -> dict[float, float]:
    """Return the share of each value of the first pixel over many batches."""
    batches = [draw(keyed_rng("count", i))[0][:, 0, 0, 0] for i in range(num)]  # type: ignore[operator]
    values, found = (torch.cat(batches) * 100).round().unique(return_counts=True)
    return {float(v) / 100: float(c) / sum(found.tolist()) for v, c in zip(values, found, strict=True)}


def test_batches_are_as_they_are_or_balanced_by_class() -> None:
    assert counts(as_they_are(REAL))[-1.0] == pytest.approx(0.9, abs=0.02)
    assert counts(balanced(REAL))[-1.0] == pytest.approx(0.5, abs=0.02)


def test_control_gives_the_small_classes_the_weight_that_the_fakes_have() -> None:
    found = lines(REAL, FAKE, [1], ratio=0.25)
    assert list(found) == [NONE, CLASSIC, CONTROL, GAN, BOTH]
    control, gan, both_ = (counts(found[name]) for name in (CONTROL, GAN, BOTH))
    assert control == pytest.approx({-1.0: 0.375, -0.5: 0.625}, abs=0.02)
    assert gan == pytest.approx({-1.0: 0.375, -0.5: 0.375, 0.5: 0.25}, abs=0.02)
    assert both_ == pytest.approx(gan, abs=0.02)
    assert counts(found[CLASSIC])[-0.5] == pytest.approx(0.5, abs=0.02)


def test_mixed_batches_have_exactly_their_share() -> None:
    images, labels = mixed(balanced(REAL), balanced(FAKE), 0.25)(keyed_rng(0))
    assert len(images) == len(labels) == BATCH_SIZE
    assert (images[:, 0, 0, 0] == 0.5).sum() == 16


def test_classic_augmentation_moves_every_image_a_little_and_is_keyed() -> None:
    images, _ = digits_half(train=True)
    moved = classic(images[:50], keyed_rng(1))
    assert moved.shape == images[:50].shape
    assert torch.equal(moved, classic(images[:50], keyed_rng(1)))
    change = (moved - images[:50]).abs().flatten(1).mean(1)
    assert change.min() > 0.01
    others = (images[50:100] - images[:50]).abs().flatten(1).mean()
    assert change.mean() < 0.8 * others


def test_filters_keep_what_is_taken_for_its_class_or_scores_best() -> None:
    fake = both(constant(0.1, 0, 3), constant(0.9, 0, 1), constant(0.9, 1, 2))
    by_value = lambda images: (images[:, 0, 0, 0] > 0.5).long()  # noqa: E731
    kept = agreed(fake, by_value)
    assert kept.labels.tolist() == [0, 0, 0, 1, 1]
    shuffled = agreed(fake, lambda images: 1 - by_value(images))
    assert shuffled.labels.tolist() == [0]  # the wrong classifier keeps the wrong ones

    def score(images: Tensor, labels: Tensor) -> Tensor:
        return images[:, 0, 0, 0]

    best = best_scored(fake, score, share=0.5)
    assert best.images[:, 0, 0, 0][best.labels == 0].tolist() == pytest.approx([0.9, 0.1])
    assert (best.labels == 1).sum() == 1


def test_classes_without_a_fake_are_told_and_none_at_all_is_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    check_left(constant(0.0, 1, 2), [0, 1], ["cat", "dog"])
    assert "no fake of cat" in caplog.text
    with pytest.raises(GanworksError, match="no fake passes the filter"):
        check_left(Labelled(torch.zeros(0, 1, 4, 4), torch.zeros(0, dtype=torch.long)), [0], ["cat"])


def test_differences_are_paired_by_seed() -> None:
    first, second = [0.9, 0.8, 0.7], [0.88, 0.79, 0.71]
    found = Difference.of(first, second)
    each = [0.02, 0.01, -0.01]
    assert found.mean == pytest.approx(statistics.fmean(each))
    assert found.error == pytest.approx(statistics.stdev(each) / math.sqrt(3))
    assert (found.num_up, found.num) == (2, 3)
    mixed_up = Difference.of(first, second[::-1])
    assert mixed_up.error > 3 * found.error  # not paired


@pytest.mark.parametrize(
    ("gan", "words"),
    [
        ([0.92, 0.915, 0.925], "the GAN helps: +.0200"),
        ([0.90, 0.91, 0.89], "the GAN does not help: +.0000"),
        ([0.92, 0.86, 0.94], "no more than chance"),
        ([0.85, 0.84, 0.86], "the GAN does harm: -.0500"),
    ],
)
def test_verdict_says_plainly_whether_it_helps(gan: list[float], words: str) -> None:
    values = {line: {ALL: [0.9, 0.9, 0.9]} for line in (CLASSIC, CONTROL)} | {BOTH: {ALL: gan}}
    if "help: +.0000" in words or "+.0200" in words or "harm" in words:
        values[CONTROL] = {ALL: [value - statistics.fmean(gan) + 0.9 for value in gan]}
    (line,) = Accuracies(values).verdict()
    assert words in line
    assert f"of {len(gan)} seeds" in line


@pytest.mark.parametrize(("num", "limit"), [(2, 12.706), (3, 4.303), (6, 2.571), (30, 2.045)])
def test_more_than_chance_is_what_students_t_says_of_so_many_seeds(num: int, limit: float) -> None:
    below, above = (
        Difference(sign * 0.01 * limit * by, 0.01, 1, num) for sign, by in ((1, 0.99), (-1, 1.01))
    )
    assert below.limit == pytest.approx(limit, abs=1e-3)
    assert "does not help" in said(ALL, below)
    assert f"no more than chance at 95% (t of {num - 1} degrees" in said(ALL, below)
    assert "does harm" in said(ALL, above)


def test_differences_without_an_effect_are_called_one_in_a_twentieth_of_the_cases() -> None:
    """Control: two standard errors would call more than a quarter of them at two seeds."""
    for num in (2, 6):
        draws = torch.randn(4000, num, generator=keyed_rng("null", num), dtype=torch.float64).tolist()
        each = [Difference.of(values, [0.0] * num) for values in draws]
        false = sum("does not help" not in said(ALL, found) for found in each) / len(each)
        by_two = sum(abs(found.mean) > 2 * found.error for found in each) / len(each)
        assert false == pytest.approx(0.05, abs=0.012)
        assert by_two > {2: 0.25, 6: 0.085}[num]


def test_small_gain_of_the_digits_is_no_more_than_chance_at_six_seeds() -> None:
    words = said("small classes", Difference(0.0141, 0.0065, 5, 6))
    assert words.startswith("small classes: the GAN does not help: +.0141 +- .0065")
    assert "no more than chance at 95% (t of 5 degrees of freedom: 2.57 errors)" in words


def test_seeds_of_one_gan_speak_of_this_one_gan() -> None:
    values = {line: {ALL: [0.9, 0.8, 0.7]} for line in (CLASSIC, CONTROL, BOTH)}
    assert "this one GAN does not help" in Accuracies(values, is_one_gan=True).verdict()[0]
    assert "of one GAN" in str(Accuracies(values, is_one_gan=True).table("").caption)
    assert Accuracies(values).table("").caption is None


def test_discriminator_without_a_score_is_named_before_a_classifier_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ganworks.augmentation.measure.fit_classifier", lambda *_: pytest.fail("trained"))
    trial = Trial(REAL, REAL, FAKE, [1], ["a", "b"], seed=0)
    with pytest.raises(SettingError, match="filter=discriminator: must be classifier or none"):
        measure(trial, 0.25, 3, "discriminator")


def test_one_seed_says_nothing() -> None:
    assert "says nothing" in said(ALL, Difference.of([0.9], [0.8]))


def test_small_classifier_of_digits_is_the_shipped_architecture() -> None:
    small, shipped = SmallClassifier((1, 8, 8), 10), DigitsClassifier()
    assert {n: p.shape for n, p in small.state_dict().items()} == {
        n: p.shape for n, p in shipped.state_dict().items()
    }
    for shape in ((3, 64, 48), (1, 2, 2), (3, 33, 9)):
        assert SmallClassifier(shape, 7)(torch.zeros(2, *shape)).shape == (2, 7)
    with pytest.raises(SettingError, match="shape"):
        SmallClassifier((5,), 2)


def test_training_on_drawn_batches_is_that_of_the_digits_classifier_and_seeds_differ() -> None:
    images, labels = digits_half(train=True)

    def draw(rng: torch.Generator) -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(images), (BATCH_SIZE,), generator=rng)
        return shifted(images[rows], rng), labels[rows]

    network = DigitsClassifier()
    fit_classifier(network, draw, 5)
    plain = fit_digits_classifier(images, labels, 5)
    said_, other = DigitsClassifier(), DigitsClassifier()
    assert torch.equal(plain(images[:50]), network(images[:50]).argmax(1))
    fit_classifier(said_, draw, 5, seed=1)
    fit_classifier(other, draw, 5, seed=2)
    assert not torch.equal(said_.output.weight, other.output.weight)


class HeldOut:
    """What a measure asks of data that keep some images apart."""

    shape, num_classes, has_own_reference = (1, 8, 8), 10, True

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def training_data(self) -> HeldOut:
        return self

    def reference_batches(self) -> list[dict[str, Tensor]]:
        return [{"real": self.images, "label": self.labels}]


def test_fakes_mixed_into_reals_are_measured_on_held_out_reals() -> None:
    (images, labels), (apart, truth) = digits_half(train=True), digits_half(train=False)
    data = HeldOut(images[:300], labels[:300])
    measure = ImageAccuracy(num_updates=60, mix=0.5)
    measure.check_data(data)  # type: ignore[arg-type]
    real = SampleSet(len(apart), samples=apart, labels=truth, data=data)  # type: ignore[arg-type]
    good = SampleSet(300, samples=images[300:600], labels=labels[300:600])
    wrong = SampleSet(300, samples=images[300:600], labels=(labels[300:600] + 1) % 10)
    found, spoiled = (measure.figures(real, side, keyed_rng(0)) for side in (good, wrong))
    assert found["classifier_accuracy"] > 0.8
    assert spoiled["classifier_accuracy"] < 0.1
    assert spoiled["classifier_accuracy_mixed"] < found["classifier_accuracy_mixed"] - 0.1
    data.has_own_reference = False  # type: ignore[misc]
    with pytest.raises(SettingError, match="mix"):
        measure.check_data(data)  # type: ignore[arg-type]
