from dataclasses import asdict

import pytest
import torch

from ganworks.metric.distance import pairwise
from ganworks.metric.distance.prdc import Prdc, precision_recall_density_coverage


def naive(real: torch.Tensor, fake: torch.Tensor, k: int) -> Prdc:
    """The definitions, one pair at a time."""

    def distance(x: torch.Tensor, y: torch.Tensor) -> float:
        return float((x.double() - y.double()).norm())

    def radius(points: torch.Tensor, i: int) -> float:
        return sorted(distance(points[i], points[j]) for j in range(len(points)) if j != i)[k - 1]

    real_radii = [radius(real, i) for i in range(len(real))]
    fake_radii = [radius(fake, j) for j in range(len(fake))]
    inside_real = [[distance(r, f) <= real_radii[i] for f in fake] for i, r in enumerate(real)]
    inside_fake = [[distance(r, f) <= fake_radii[j] for j, f in enumerate(fake)] for r in real]
    return Prdc(
        precision=sum(any(row[j] for row in inside_real) for j in range(len(fake))) / len(fake),
        recall=sum(any(row) for row in inside_fake) / len(real),
        density=sum(map(sum, inside_real)) / (k * len(fake)),
        coverage=sum(any(row) for row in inside_real) / len(real),
    )


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_figures_equal_the_naive_definition_whatever_the_block(k, shift, rng, monkeypatch):
    real, fake = torch.randn(40, 3, generator=rng), torch.randn(31, 3, generator=rng) + shift
    expected = pytest.approx(asdict(naive(real, fake, k)))
    assert asdict(precision_recall_density_coverage(real, fake, k)) == expected
    monkeypatch.setattr(pairwise, "BLOCK_ELEMENTS", 64)
    assert asdict(precision_recall_density_coverage(real, fake, k)) == expected


def test_copies_score_one_and_a_far_away_set_zero(rng):
    real = torch.randn(100, 8, generator=rng)
    copies = precision_recall_density_coverage(real, real.clone())
    assert (copies.precision, copies.recall, copies.coverage) == (1.0, 1.0, 1.0)
    assert copies.density >= 1.0
    far = precision_recall_density_coverage(real, real + 100)
    assert (far.precision, far.recall, far.density, far.coverage) == (0.0, 0.0, 0.0, 0.0)


def test_a_collapsed_generator_keeps_precision_and_loses_recall_and_coverage(rng):
    real = torch.randn(500, 4, generator=rng)
    collapsed = 0.05 * torch.randn(500, 4, generator=rng)  # all of it at the densest place
    figures = precision_recall_density_coverage(real, collapsed)
    assert figures.precision > 0.95
    assert figures.recall < 0.1
    assert figures.coverage < 0.3
    healthy = precision_recall_density_coverage(real, torch.randn(500, 4, generator=rng))  # control
    assert min(healthy.precision, healthy.recall, healthy.coverage) > 0.8


def test_figures_of_two_gaussians_agree_with_their_known_expectation(rng):
    """Naeem et al. 2020, appendix: equal distributions give density 1 and coverage 1 - 2^-k."""
    real, fake = torch.randn(2000, 8, generator=rng), torch.randn(2000, 8, generator=rng)
    figures = precision_recall_density_coverage(real, fake, num_neighbours=5)
    assert figures.density == pytest.approx(1.0, abs=0.06)
    assert figures.coverage == pytest.approx(1 - 2**-5, abs=0.015)


@pytest.mark.parametrize("size", [3, 64, 2048])
def test_copies_of_an_image_that_the_reals_repeat_lie_in_its_ball_of_radius_zero(size, rng):
    once = 1000 * torch.rand(30, size, generator=rng).double()
    figures = precision_recall_density_coverage(once.repeat(3, 1), once.repeat(3, 1), num_neighbours=2)
    assert asdict(figures) == {"precision": 1.0, "recall": 1.0, "density": 1.5, "coverage": 1.0}
    beside = precision_recall_density_coverage(once.repeat(3, 1), once.repeat(3, 1) + 1e-3, num_neighbours=2)
    assert set(asdict(beside).values()) == {0.0}  # control
