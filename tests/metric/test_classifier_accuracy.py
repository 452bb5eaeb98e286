from collections.abc import Callable

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from ganworks.metric.distance.classifier_accuracy import (
    fit_digits_classifier,
    fit_linear_probe,
    transfer_accuracy,
)
from ganworks.metric.extractor.digits import digits_half


@pytest.fixture(scope="module")
def halves() -> tuple:
    return digits_half(train=True), digits_half(train=False)


@pytest.fixture(scope="module")
def learned(halves) -> Callable:
    """A classifier that has learned from the held-out half, whose pictures are taken for the reals below."""
    return fit_digits_classifier(*halves[1])


def given(predict: Callable) -> Callable:
    """A fit that was made before."""
    return lambda samples, labels: predict


def flat(half: tuple) -> tuple:
    return half[0].flatten(1), half[1]


def test_digits_classifier_learns_from_real_digits_what_it_needs_for_unseen_ones(halves, learned):
    train, real = halves
    assert transfer_accuracy(real, train, given(learned)) > 0.95


def test_accuracy_is_the_share_of_right_labels(halves):
    train, test = halves
    always_three = lambda samples, labels: lambda x: torch.full((len(x),), 3)  # noqa: E731
    expected = (test[1] == 3).double().mean().item()
    assert transfer_accuracy(train, test, always_three) == pytest.approx(expected)


def test_same_images_give_the_same_figure_whatever_the_global_seed(halves):
    train, test = halves

    def figure(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return fit_digits_classifier(*train, num_updates=10)(test[0])

    assert torch.equal(figure(1), figure(2))


def test_training_leaves_no_gradients_on_and_works_where_none_are_wanted(halves):
    train, test = halves
    with torch.no_grad():
        assert transfer_accuracy(train, test, lambda x, y: fit_digits_classifier(x, y, 20)) > 0.3
        assert not torch.is_grad_enabled()


def test_shuffled_labels_and_lost_classes_lower_the_figure(halves, rng):
    (features, labels), test = map(flat, halves)
    shuffled = features, labels[torch.randperm(len(labels), generator=rng)]
    three_lost = features[labels < 7], labels[labels < 7]
    trains = (features, labels), three_lost, shuffled
    figures = [transfer_accuracy(train, test, fit_linear_probe) for train in trains]
    assert figures[0] > 0.94
    assert 0.6 < figures[1] < 0.72  # 70 % of the reals at most
    assert figures[2] < 0.35


def test_shuffled_labels_lower_the_figure_of_the_digits_classifier_both_ways(halves, learned, rng):
    (images, labels), real = halves
    shuffled = images, labels[torch.randperm(len(labels), generator=rng)]
    assert transfer_accuracy(shuffled, real, fit_digits_classifier) < 0.35
    assert transfer_accuracy(real, shuffled, given(learned)) < 0.2


def test_a_generator_of_one_good_image_a_class_fools_the_reverse_but_not_the_score(halves, learned):
    (images, labels), real = halves
    first = torch.stack([images[labels == digit][1] for digit in range(10)])
    collapsed = first.repeat(50, 1, 1, 1), torch.arange(10).repeat(50)
    assert transfer_accuracy(real, collapsed, given(learned)) == 1.0
    assert transfer_accuracy(collapsed, real, fit_digits_classifier) < 0.75


def test_unlike_images_score_lower_in_reverse(halves, learned, rng):
    (images, labels), real = halves
    noisy = images + torch.randn(images.shape, generator=rng), labels
    assert transfer_accuracy(real, noisy, given(learned)) < 0.8


def test_linear_probe_is_sklearns_on_standardised_features_and_a_single_class_is_predicted(halves):
    (features, labels), (unseen, _) = map(flat, halves)
    mean, std = features.double().mean(0), features.double().std(0).clamp(min=1e-6)
    probe = LogisticRegression(max_iter=1000).fit(((features - mean) / std).numpy(), labels.numpy())
    assert torch.equal(
        fit_linear_probe(features, labels)(unseen),
        torch.from_numpy(probe.predict(((unseen - mean) / std).numpy())),
    )
    assert fit_linear_probe(features[:3], torch.tensor([4, 4, 4]))(unseen[:2]).tolist() == [4, 4]
