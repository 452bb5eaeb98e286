import math

import pytest
import torch
from torch.nn.functional import one_hot

from ganworks.errors import SettingError
from ganworks.metric import (
    ClassDivergence,
    DigitsAccuracy,
    FeatureSet,
    InceptionScore,
    IntraFrechetDistance,
    ProbeAccuracy,
    SampleSet,
    digits_half,
)
from ganworks.metric.distance.classifier_accuracy import fit_linear_probe
from ganworks.metric.distance.inception_score import inception_score
from ganworks.metric.distance.intra_distance import intra_distance
from ganworks.metric.measure import classes


def of_logits(labels: torch.Tensor, num_classes: int = 4) -> SampleSet:
    """A set in which the classifier is sure of ``labels``."""
    logits = 50.0 * one_hot(labels, num_classes)
    return SampleSet(len(labels), {"x": FeatureSet(len(labels), torch.zeros(len(labels), 1), logits)})


def labelled(features: torch.Tensor, labels: torch.Tensor) -> SampleSet:
    return SampleSet(len(features), {"x": FeatureSet(len(features), features)}, labels=labels)


def test_inception_score_reads_the_fakes_alone_and_notes_its_deviation(rng):
    fake = SampleSet(60, {"x": FeatureSet(60, torch.zeros(60, 2), torch.randn(60, 5, generator=rng))})
    found = InceptionScore("x", num_splits=3).figures(of_logits(torch.zeros(9).long()), fake, rng)
    mean, deviation = inception_score(fake["x"].logits, 3)
    assert found == {"inception_score": mean, "inception_score_deviation": deviation}
    assert InceptionScore("x", num_splits=30).min_samples == 30
    with pytest.raises(SettingError, match="num_splits=0"):
        InceptionScore("x", num_splits=0)


def test_class_divergence_is_the_kl_of_the_shares_and_finite_for_a_class_without_reals(rng):
    measure = ClassDivergence("x")
    real = of_logits(torch.arange(400) % 4)
    kl = [measure.figures(real, of_logits(torch.arange(120) % num), rng)["class_kl"] for num in (4, 3, 1)]
    assert kl == pytest.approx([0.0, math.log(4 / 3), math.log(4)], abs=1e-12)
    only_two = of_logits(torch.arange(400) % 2)
    assert 3 < measure.figures(only_two, of_logits(torch.full((50,), 3)), rng)["class_kl"] < math.inf


def test_intra_distance_notes_each_class_and_says_why_a_figure_is_nan(rng):
    real, fake = torch.randn(40, 3, generator=rng), torch.randn(30, 3, generator=rng)
    labels = torch.arange(40) % 2
    found = IntraFrechetDistance("x", at_least=10).figures(
        labelled(real, labels), labelled(fake, labels[:30]), rng
    )
    expected = intra_distance(real, labels, fake, labels[:30], 2)
    assert found["intra_fid"] == expected.mean
    assert list(found["intra_fid_by_class"].values()) == expected.distances.tolist()
    assert "intra_fid_lacking" not in found
    few = torch.tensor([0] * 27 + [1] * 3)
    lacking = IntraFrechetDistance("x", at_least=10).figures(labelled(real, labels), labelled(fake, few), rng)
    assert math.isnan(lacking["intra_fid"])
    assert lacking["intra_fid_lacking"] == "class 1: 20 real, 3 fake (at least 10 of each are needed)"


def test_probe_accuracy_is_high_for_separable_classes_and_falls_to_chance_for_shuffled_labels(rng):
    labels = torch.arange(300) % 3
    features = 4.0 * one_hot(labels, 3) + torch.randn(300, 3, generator=rng)
    real, fake = labelled(features[::2], labels[::2]), labelled(features[1::2], labels[1::2])
    shuffled = labelled(features[1::2], labels[1::2][torch.randperm(150, generator=rng)])
    measure = ProbeAccuracy(extractor="x")
    good, bad = measure.figures(real, fake, rng), measure.figures(real, shuffled, rng)
    assert list(good) == ["classifier_accuracy", "classifier_accuracy_reverse"] == list(measure.better)
    assert min(good.values()) > 0.9
    assert max(bad.values()) < 0.6
    assert measure.settings["classifier"] == "logistic regression on the features"


def test_the_classifier_of_the_same_reals_is_trained_once(rng, monkeypatch):
    labels = torch.arange(60) % 3
    sets = [labelled(one_hot(labels, 3) + torch.randn(60, 3, generator=rng), labels) for _ in range(3)]
    measure, fits = ProbeAccuracy(extractor="x"), []
    monkeypatch.setattr(classes, "fit_linear_probe", lambda *a: fits.append(a) or fit_linear_probe(*a))
    first = measure.figures(sets[0], sets[1], rng)
    assert measure.figures(sets[0], sets[1], rng) == first
    assert len(fits) == 3
    other = measure.figures(sets[2], sets[1], rng)
    assert len(fits) == 5
    assert other != first


def test_digits_accuracy_refuses_other_images_and_names_its_classifier(in_memory, rng):
    with pytest.raises(SettingError, match=r"8"):
        DigitsAccuracy().check_data(in_memory(torch.zeros(4, 3, 32, 32)))
    assert DigitsAccuracy().settings == {"classifier": "digits CNN", "num_updates": 100}


def test_digits_accuracy_tells_real_halves_from_shuffled_labels(rng):
    (images, labels), (others, other_labels) = digits_half(train=True), digits_half(train=False)
    real = SampleSet(len(images), samples=images, labels=labels)
    fake = SampleSet(
        len(others), samples=others, labels=other_labels[torch.randperm(len(others), generator=rng)]
    )
    found = DigitsAccuracy(num_updates=60).figures(real, fake, rng)
    assert max(found.values()) < 0.35
    found = DigitsAccuracy(num_updates=60).figures(
        real, SampleSet(len(others), samples=others, labels=other_labels), rng
    )
    assert min(found.values()) > 0.9
