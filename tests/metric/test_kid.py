import pytest
import torch

from ganworks.metric import KernelDistance
from ganworks.metric.distance import pairwise
from ganworks.metric.distance.kid import kernel_distance, kernel_distance_of_subsets


def naive(real: torch.Tensor, fake: torch.Tensor) -> float:
    """Equation 4 of Binkowski et al., pair by pair."""

    def k(x: torch.Tensor, y: torch.Tensor) -> float:
        return (float(x.double() @ y.double()) / len(x) + 1) ** 3

    def mean_of_others(points: torch.Tensor) -> float:
        num = len(points)
        pairs = [k(points[i], points[j]) for i in range(num) for j in range(num) if i != j]
        return sum(pairs) / len(pairs)

    across = [k(x, y) for x in real for y in fake]
    return mean_of_others(real) + mean_of_others(fake) - 2 * sum(across) / len(across)


def test_kernel_distance_equals_the_naive_double_sum(rng, monkeypatch):
    real, fake = torch.randn(23, 5, generator=rng), 1.5 * torch.randn(17, 5, generator=rng) + 0.3
    whole = kernel_distance(real, fake)
    assert whole == pytest.approx(naive(real, fake), rel=1e-10)
    monkeypatch.setattr(pairwise, "BLOCK_ELEMENTS", 40)  # two or three rows a block
    assert kernel_distance(real, fake) == pytest.approx(whole, rel=1e-12)


def test_kernel_distance_is_unbiased_for_equal_distributions_and_positive_for_others(rng):
    def draw(shift: float) -> torch.Tensor:
        return torch.tensor(
            [
                kernel_distance(torch.randn(30, 4, generator=rng), shift + torch.randn(30, 4, generator=rng))
                for _ in range(400)
            ]
        )

    same, other = draw(0.0), draw(0.5)
    assert abs(same.mean()) < 4 * same.std() / 20
    assert other.mean() > 10 * other.std() / 20  # control


def test_one_subset_of_all_images_is_the_distance_of_all(rng):
    real, fake = torch.randn(40, 6, generator=rng), torch.randn(40, 6, generator=rng) + 0.2
    mean, deviation = kernel_distance_of_subsets(real, fake, num_subsets=1, subset_size=1000, rng=rng)
    assert mean == pytest.approx(kernel_distance(real, fake), rel=1e-10)
    assert deviation == 0.0


def test_the_contract_of_all_pairs_names_no_subsets():
    assert KernelDistance("inception", num_rows=500).settings == {"num_rows": 500}
    subsets = KernelDistance("inception", num_subsets=100)
    assert subsets.settings == {"num_subsets": 100, "subset_size": 1000}
