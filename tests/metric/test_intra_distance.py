import pytest
import torch

from ganworks.metric.distance.frechet import frechet_distance_of_features
from ganworks.metric.distance.intra_distance import intra_distance


def two_classes(rng: torch.Generator, num: int = 2000) -> tuple[torch.Tensor, torch.Tensor]:
    """Gaussians around (-3, 0) and (3, 0)."""
    labels = torch.arange(num) % 2
    centres = torch.tensor([[-3.0, 0.0], [3.0, 0.0]])
    return centres[labels] + torch.randn(num, 2, generator=rng), labels


def test_distances_are_those_of_the_classes_alone_and_the_figure_is_their_mean(rng):
    real, real_labels = torch.randn(60, 3, generator=rng), torch.arange(60) % 3
    fake, fake_labels = 1 + torch.randn(45, 3, generator=rng), torch.arange(45) % 3
    result = intra_distance(real, real_labels, fake, fake_labels, 3)
    expected = [frechet_distance_of_features(real[k::3], fake[k::3]) for k in range(3)]
    assert result.distances.tolist() == pytest.approx(expected, rel=1e-12)
    assert result.mean == pytest.approx(sum(expected) / 3, rel=1e-12)
    assert result.lacking == ""


def test_known_gaussians_in_each_class_have_their_closed_form(rng):
    real, labels = two_classes(rng, 200_000)
    fake, _ = two_classes(rng, 200_000)
    shift = torch.tensor([[0.0, 1.0], [0.0, 2.0]])[labels]  # distances 1 and 4
    assert intra_distance(real, labels, fake + shift, labels, 2).mean == pytest.approx(2.5, rel=0.02)


def test_shuffled_labels_and_a_collapse_within_classes_are_seen_where_the_plain_distance_sees_less(rng):
    real, real_labels = two_classes(rng)
    fake, fake_labels = two_classes(rng)
    healthy = intra_distance(real, real_labels, fake, fake_labels, 2).mean
    shuffled = fake_labels[torch.randperm(len(fake_labels), generator=rng)]
    ignored = intra_distance(real, real_labels, fake, shuffled, 2).mean
    swapped = intra_distance(real, real_labels, fake, 1 - fake_labels, 2).mean
    assert healthy < 0.05 < 3 < ignored < swapped
    assert frechet_distance_of_features(real, fake) < 0.05  # control: the plain one sees no labels
    collapsed = torch.tensor([[-3.0, 0.0], [3.0, 0.0]])[fake_labels]  # one image a class
    assert intra_distance(real, real_labels, collapsed, fake_labels, 2).mean > 10 * healthy


def test_a_class_with_too_few_images_is_nan_and_named_and_is_not_left_out_of_the_mean(rng):
    real, labels = torch.randn(40, 2, generator=rng), torch.arange(40) % 2
    fake, fake_labels = torch.randn(21, 2, generator=rng), torch.tensor([0] * 20 + [1])
    result = intra_distance(real, labels, fake, fake_labels, 3, at_least=5)
    assert result.distances.isnan().tolist() == [False, True, True]
    assert result.mean != result.mean
    assert (
        result.lacking == "class 1: 20 real, 1 fake; class 2: 0 real, 0 fake (at least 5 of each are needed)"
    )
