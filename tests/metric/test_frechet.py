import numpy as np
import pytest
import scipy.linalg
import torch

from ganworks.metric.distance.frechet import (
    frechet_distance,
    frechet_distance_of_features,
    mean_and_covariance,
)
from ganworks.metric.distance.moments import Moments, total


def by_scipy(first: torch.Tensor, second: torch.Tensor) -> float:
    """The textbook formula with scipy's general matrix root."""
    first, second = first.double().numpy(), second.double().numpy()
    cov1, cov2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = np.real(scipy.linalg.sqrtm(cov1 @ cov2))
    gap = first.mean(0) - second.mean(0)
    return float(gap @ gap + np.trace(cov1 + cov2 - 2 * root))


def correlated(num: int, dim: int, rng: torch.Generator) -> torch.Tensor:
    mixing = torch.randn(dim, dim, generator=rng)
    return torch.randn(num, dim, generator=rng) @ mixing + torch.randn(dim, generator=rng)


def test_distance_of_two_gaussians_equals_its_closed_form():
    zero, one = torch.zeros(4), torch.ones(4)
    assert frechet_distance(zero, torch.eye(4), one, 4 * torch.eye(4)) == pytest.approx(8.0, abs=1e-12)
    # commuting covariances: the sum of squared differences of the roots of the eigenvalues
    first, second = torch.diag(torch.tensor([1.0, 9.0])), torch.diag(torch.tensor([4.0, 16.0]))
    assert frechet_distance(torch.zeros(2), first, torch.zeros(2), second) == pytest.approx(1 + 1, abs=1e-12)


def test_distance_of_draws_approaches_the_closed_form(rng):
    first = torch.randn(200_000, 4, generator=rng)
    second = 1 + 2 * torch.randn(200_000, 4, generator=rng)
    assert frechet_distance_of_features(first, second) == pytest.approx(8.0, rel=0.01)


@pytest.mark.parametrize("num", [300, 40, 20], ids=["more", "few more", "fewer samples than dimensions"])
def test_distance_equals_scipy_matrix_root(num, rng):
    first, second = correlated(num, 32, rng), correlated(num + 3, 32, rng)
    # scipy's root of a singular product is itself only good to some digits
    assert frechet_distance_of_features(first, second) == pytest.approx(by_scipy(first, second), rel=1e-5)


def test_both_forms_agree_where_samples_are_fewer_than_dimensions(rng):
    first, second = correlated(20, 64, rng), correlated(30, 64, rng)
    from_covariances = frechet_distance(*mean_and_covariance(first), *mean_and_covariance(second))
    assert frechet_distance_of_features(first, second) == pytest.approx(from_covariances, rel=1e-6)


@pytest.mark.parametrize("num", [1000, 540], ids=["more", "fewer samples than dimensions"])
def test_distance_over_many_features_has_the_digits_of_singular_values(num, rng):
    first, second = torch.randn(1000, 600, generator=rng), 0.1 + torch.randn(num, 600, generator=rng)
    (mean1, root1), (mean2, root2) = (centred(features) for features in (first, second))
    singular = np.linalg.svd(root1 @ root2.T, compute_uv=False)
    expected = ((mean1 - mean2) ** 2).sum() + (root1**2).sum() + (root2**2).sum() - 2 * singular.sum()
    # Centred samples that are fewer than the dimensions lack one more: a singular value is zero. The values of the
    # Gram matrix are good to n eps of the largest one, and of a zero among them the root is taken.
    of_zero = 2 * (num * np.finfo(float).eps) ** 0.5 * singular[0] if num < 600 else 0.0
    assert frechet_distance_of_features(first, second) == pytest.approx(expected, rel=1e-10, abs=of_zero)


def centred(features: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean and centred rows, over the root of N - 1."""
    array = features.double().numpy()
    return array.mean(0), (array - array.mean(0)) / np.sqrt(len(array) - 1)


def test_distance_is_symmetric_zero_to_itself_and_defined_for_a_constant_set(rng):
    first, second = correlated(100, 8, rng), correlated(100, 8, rng)
    forth, back = frechet_distance_of_features(first, second), frechet_distance_of_features(second, first)
    assert forth == pytest.approx(back, rel=1e-9)
    assert frechet_distance_of_features(first, first) == pytest.approx(0.0, abs=1e-9)
    collapsed = first[:1].expand(100, -1)
    mean, covariance = mean_and_covariance(first)
    expected = (collapsed[0].double() - mean).square().sum() + covariance.trace()
    assert frechet_distance_of_features(first, collapsed) == pytest.approx(expected.item(), rel=1e-9)
    assert frechet_distance_of_features(collapsed, first) == pytest.approx(expected.item(), rel=1e-9)


def test_moments_in_parts_equal_those_of_all_features_at_once(rng):
    features = correlated(101, 8, rng) + 1000  # a large mean costs digits where sums are subtracted
    moments = total([Moments.of(part) for part in features.split(7)])
    mean, covariance = mean_and_covariance(features)
    torch.testing.assert_close(moments.mean, mean, rtol=1e-12, atol=0)
    torch.testing.assert_close(moments.covariance, covariance, rtol=1e-9, atol=1e-9)
    assert moments.num == 101
