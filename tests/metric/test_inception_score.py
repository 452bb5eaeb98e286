import math

import pytest
import torch
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

from ganworks.errors import SettingError
from ganworks.metric.distance.inception_score import inception_score


@pytest.mark.parametrize("num_splits", [1, 3, 10])
@pytest.mark.parametrize("shuffle", [True, False])
def test_score_and_deviation_equal_torch_fidelitys_with_its_order_and_splits(num_splits, shuffle, rng):
    logits = 3 * torch.randn(107, 12, generator=rng)
    theirs = isc_features_to_metric(logits, splits=num_splits, shuffle=shuffle, rng_seed=2020)
    mean, deviation = inception_score(logits, num_splits, shuffle)
    assert mean == pytest.approx(theirs[KEY_METRIC_ISC_MEAN], rel=1e-12)
    assert deviation == pytest.approx(theirs[KEY_METRIC_ISC_STD], rel=1e-9, abs=1e-12)


def test_score_equals_the_entropies_taken_apart(rng):
    """exp of the mutual information H(y) - H(y | x), each entropy from its definition."""
    p = torch.rand(40, 5, generator=rng, dtype=torch.float64)
    p /= p.sum(1, keepdim=True)

    def entropy(q: torch.Tensor) -> float:
        return -sum(float(share) * math.log(float(share)) for share in q)

    within = sum(entropy(row) for row in p) / len(p)
    expected = math.exp(entropy(p.mean(0)) - within)
    assert inception_score(p.log(), num_splits=1)[0] == pytest.approx(expected, rel=1e-12)


def test_a_sure_classifier_counts_the_classes_and_a_collapsed_or_vague_generator_scores_one(rng):
    labels = torch.randint(10, (5000,), generator=rng)
    sure = 2000.0 * torch.nn.functional.one_hot(labels, 11)  # class 10 never comes: log 0 is not taken
    assert inception_score(sure)[0] == pytest.approx(10.0, rel=0.02)
    assert inception_score(sure[labels < 3])[0] == pytest.approx(3.0, rel=0.01)
    assert inception_score(sure[labels == 0])[0] == pytest.approx(1.0)
    assert inception_score(torch.zeros(100, 10))[0] == pytest.approx(1.0)


def test_images_sorted_by_class_score_as_shuffled_ones_do_only_when_they_are_shuffled():
    sorted_by_class = 100.0 * torch.eye(10).repeat_interleave(50, 0)
    assert inception_score(sorted_by_class)[0] > 8
    assert inception_score(sorted_by_class, shuffle=False)[0] == pytest.approx(1.0)  # control


@pytest.mark.parametrize("num_splits", [0, 6])
def test_more_splits_than_images_are_refused(num_splits):
    with pytest.raises(SettingError, match=f"num_splits={num_splits}.*from 1 to the 5 images"):
        inception_score(torch.zeros(5, 3), num_splits)
