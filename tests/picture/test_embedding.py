"""The plane of real and fake: two clouds stay apart, one stays together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ganworks.errors import SettingError
from ganworks.picture.embedding import Plane, cloud_plot, embed, frame


def clouds(distance: float, num: int = 60, dim: int = 12) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, num, dim, generator=rng)
    fake[:, 3] += distance
    return real, fake


def overlap(plane: Plane) -> float:
    """Return the share of points whose nearest other point is of the other kind."""
    points = torch.cat([plane.real, plane.fake])
    distances = torch.cdist(points, points).fill_diagonal_(torch.inf)
    is_fake = torch.arange(len(points)) >= len(plane.real)
    return (is_fake[distances.argmin(1)] != is_fake).double().mean().item()


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_two_far_clouds_are_apart_and_two_of_one_kind_are_mixed(method: str) -> None:
    assert overlap(embed(*clouds(20), method)) == 0
    assert overlap(embed(*clouds(0), method)) > 0.3  # control


def test_principal_axes_are_those_of_the_union() -> None:
    real, fake = clouds(5)
    plane = embed(real, fake)
    points = torch.cat([real, fake]).double()
    centred = points - points.mean(0)
    _, singular, right = torch.linalg.svd(centred, full_matrices=False)
    expected = (centred @ right[:2].T).abs()
    assert torch.allclose(torch.cat([plane.real, plane.fake]).abs(), expected, atol=1e-4)
    share = (singular[0] ** 2 / (singular**2).sum()).item()
    assert plane.axes[0] == f"First principal axis ({share:.0%} of the variance)"


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_embedding_depends_on_the_seed_alone(method: str) -> None:
    first, again = (embed(*clouds(3), method, seed=1) for _ in range(2))
    assert torch.equal(first.real, again.real)
    assert torch.equal(first.fake, again.fake)


def test_few_points_have_a_tsne_too() -> None:
    assert embed(*clouds(1, num=3), "tsne").real.shape == (3, 2)


def test_other_method_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingError, match="Did you mean 'pca'"):
        embed(*clouds(1), "pcaa")


def test_view_holds_every_real_and_counts_the_fakes_outside() -> None:
    axis = Figure().subplots()
    real, fake = np.random.default_rng(0).normal(size=(2, 1000, 2))
    assert frame(axis, real, fake) <= 10
    fake[:9] = 1e6
    assert 9 <= frame(axis, real, fake) <= 19
    (left, right), (low, high) = axis.get_xlim(), axis.get_ylim()
    assert ((left <= real[:, 0]) & (real[:, 0] <= right) & (low <= real[:, 1]) & (real[:, 1] <= high)).all()
    assert right < 100  # one generator gone wild does not shrink the reals to a dot


@pytest.mark.filterwarnings("error")
def test_points_that_are_all_the_same_make_a_picture() -> None:
    same = torch.zeros(5, 2).double()
    assert cloud_plot(Plane(same, same), "Points").size == (2100, 840)


def test_user_settings_of_matplotlib_stay_as_they_are() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    cloud_plot(Plane(torch.randn(5, 2), torch.randn(5, 2)), "Points")
    assert dict(matplotlib.rcParams) == before
