"""Mixtures have the means, spreads and shares that they say."""

import math

import pytest
import torch

from ganworks.data import Grid, HighDimensional, Mixture, Ring
from ganworks.errors import SettingError
from ganworks.metric.measure.features import radius_in_sigmas


@pytest.mark.parametrize("data", [Ring(), Grid(), Ring(scale=0.3), Grid(scale=0.25)])
def test_samples_of_each_mode_have_its_mean_and_sigma_and_an_equal_share(data: Mixture) -> None:
    points, modes = data.samples.values, data.samples.labels
    num_each = torch.bincount(modes, minlength=data.num_classes)
    assert len(points) == 100_000
    share = 100_000 / data.num_classes
    assert (num_each - share).abs().max() < 5 * math.sqrt(share)
    for mode in range(data.num_classes):
        mine = points[modes == mode]
        tolerance = 5 * data.sigma / math.sqrt(len(mine))
        assert (mine.mean(dim=0) - data.means[mode]).abs().max() < tolerance
        assert torch.allclose(mine.std(dim=0), torch.full((2,), data.sigma), rtol=0.1)
        assert (mine.mean(dim=0) - data.means[mode - 1]).abs().max() > tolerance  # the control


def test_ring_and_grid_are_pacgans() -> None:
    eighth = torch.tensor([math.sqrt(0.5), math.sqrt(0.5)])
    assert torch.allclose(Ring().means[1], eighth)
    assert torch.allclose(Ring().means.norm(dim=1), torch.ones(8))
    assert Ring().sigma == 0.01
    naive = {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert set(map(tuple, Grid().means.tolist())) == naive
    assert Grid().sigma == 0.05


def test_share_within_three_sigma_is_that_of_a_gaussian_whatever_the_scale() -> None:
    for data in (Grid(), Grid(scale=0.25)):
        distance = torch.cdist(data.samples.values, data.means).min(dim=1).values
        share = (distance < 3 * data.sigma).float().mean()
        assert abs(share - (1 - math.exp(-4.5))) < 0.002  # PacGAN, Table 1: 98.8 % of real data


def test_samples_are_a_function_of_the_seed() -> None:
    assert torch.equal(Ring(seed=1).samples.values, Ring(seed=1).samples.values)
    assert not torch.equal(Ring(seed=1).samples.values, Ring(seed=2).samples.values)
    assert Ring(seed=1).fingerprint != Ring(seed=2).fingerprint


def test_batches_are_points_with_their_mode() -> None:
    batch = next(iter(Grid(batch_size=100).train_dataloader()))
    assert batch["real"].shape == (100, 2)
    assert batch["label"].shape == (100,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Grid(num_classes=24), "num_classes=24: must be a square"),
        (lambda: Ring(num_classes=0), "num_classes=0"),
        (lambda: Ring(sigma=0), "sigma=0"),
        (lambda: Ring(scale=-1), "scale=-1"),
        (lambda: HighDimensional(num_classes=33), "num_classes=33: must be at most 32"),
        (lambda: Ring(shape=[3]), r"shape=\[3\]: must be \[2\]"),
        (lambda: Ring(num_samples=10).check(), "batch_size=64: must be at most 10"),
    ],
)
def test_settings_that_cannot_be_raise_an_error_with_their_name(make, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make()


def test_means_in_high_dimensions_are_at_right_angles_and_the_same_under_every_seed() -> None:
    data = HighDimensional(num_samples=4000)
    assert data.samples.values.shape == (4000, 32)
    assert torch.allclose(data.means @ data.means.T, 16 * torch.eye(25), atol=1e-4)
    assert torch.equal(data.means, HighDimensional(seed=1).means)
    spread = (data.samples.values - data.means[data.samples.labels]).std()
    assert abs(spread - 0.2) < 0.01


def test_radius_of_high_quality_holds_the_same_share_in_any_dimension() -> None:
    for num_dims in (1, 2, 3, 32):
        squared = torch.randn(100_000, num_dims, generator=torch.Generator().manual_seed(0)).square().sum(1)
        share = (squared <= radius_in_sigmas(3.0, num_dims) ** 2).double().mean()
        assert abs(share - (1 - math.exp(-4.5))) < 0.002
    assert radius_in_sigmas(3.0, 2) == 3.0
