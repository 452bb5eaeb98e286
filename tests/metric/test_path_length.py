import math

import pytest
import torch
from torch_fidelity.noise import batch_lerp, batch_slerp_any
from torchmetrics.functional.image import perceptual_path_length

from ganworks.metric.distance.path_length import (
    EPSILON,
    FeatureDistance,
    PixelDistance,
    lerp,
    path_lengths,
    slerp,
    trimmed_mean,
)
from ganworks.metric.extractor.base import Extractor, Features

pixel_distances = PixelDistance()


class FourTimes(Extractor):
    contract = {"extractor": "four times the pixels"}  # noqa: RUF012

    def __call__(self, samples: torch.Tensor) -> Features:
        return Features(4 * samples.flatten(1))


def linear(matrix: torch.Tensor, height: int = 4):
    """A generator whose images are linear in the latents."""
    return lambda latent, rows: (latent @ matrix.to(latent).T).view(len(latent), 1, height, -1)


def latents(rng: torch.Generator, num: int = 4000, dim: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.randn(num, dim, generator=rng, dtype=torch.float64) for _ in range(2))


def test_a_linear_generator_on_straight_paths_has_its_closed_form(rng):
    """z2 - z1 is N(0, 2 I), so that E |A (z2 - z1)|^2 = 2 tr A^T A; pixels take the mean of their 16."""
    matrix = torch.randn(16, 6, generator=rng, dtype=torch.float64)
    start, end = latents(rng)
    lengths = path_lengths(linear(matrix), start, end, torch.rand(4000, generator=rng), pixel_distances, lerp)
    assert lengths.mean().item() == pytest.approx(2 * matrix.square().sum().item() / 16, rel=0.05)
    exact = ((end - start) @ matrix.T).square().mean(1)
    assert torch.allclose(lengths, exact, rtol=1e-6)


def test_on_great_circles_lengths_are_the_squared_speed_there(rng):
    """Against the derivative of the path by automatic differentiation, pushed through the generator."""
    matrix = torch.randn(16, 6, generator=rng, dtype=torch.float64)
    start, end = latents(rng, num=30)
    share = torch.rand(30, generator=rng, dtype=torch.float64)
    lengths = path_lengths(linear(matrix), start, end, share, pixel_distances)
    for i in range(30):
        ends = start[i : i + 1], end[i : i + 1]
        speed = torch.autograd.functional.jacobian(
            lambda t, ends=ends: slerp(*ends, t[:, None]), share[i : i + 1]
        )
        assert lengths[i].item() == pytest.approx(
            (speed.flatten() @ matrix.T).square().mean().item(), rel=1e-2
        )


@pytest.mark.parametrize(("ours", "theirs"), [(slerp, batch_slerp_any), (lerp, batch_lerp)])
def test_interpolation_equals_torch_fidelitys(ours, theirs, rng):
    start, end = latents(rng, num=50)
    for t in (0.0, EPSILON, 0.3, 1.0):
        expected = theirs(start.clone(), end.clone(), t)
        assert torch.allclose(
            ours(start, end, torch.full((50, 1), t, dtype=torch.float64)), expected, atol=1e-10
        )


def test_slerp_keeps_the_norm_and_joins_parallel_latents_by_a_line():
    start, end = torch.tensor([[3.0, 0.0]]).double(), torch.tensor([[0.0, 3.0]]).double()
    middle = slerp(start, end, torch.tensor([[0.5]]).double())
    assert middle.tolist()[0] == pytest.approx([3 / math.sqrt(2)] * 2)
    assert slerp(start, 2 * start, torch.tensor([[0.5]]).double()).tolist() == [[4.5, 0.0]]


def test_float32_latents_are_interpolated_without_losing_the_step(rng):
    matrix = torch.randn(16, 6, generator=rng)
    start, end = (z.float() for z in latents(rng, num=200))
    share = torch.rand(200, generator=rng)
    single = path_lengths(linear(matrix), start, end, share, pixel_distances).mean()
    double = path_lengths(linear(matrix), start.double(), end.double(), share, pixel_distances).mean()
    assert single.item() == pytest.approx(double.item(), rel=0.02)


def test_a_rough_generator_has_longer_paths_than_a_smooth_one_and_a_collapsed_one_none(rng):
    matrix = torch.randn(16, 6, generator=rng, dtype=torch.float64)
    start, end = latents(rng, num=500)
    share = torch.rand(500, generator=rng)

    def length(frequency: float) -> float:
        def generate(latent: torch.Tensor, rows: slice) -> torch.Tensor:
            return torch.sin(frequency * latent @ matrix.T).view(len(latent), 1, 4, 4)

        return trimmed_mean(path_lengths(generate, start, end, share, pixel_distances))

    assert 0.0 == length(0.0) < length(0.1) < length(1.0) < length(10.0)


def test_distance_of_features_is_theirs_and_batches_and_rows_do_not_matter(rng):
    matrix = torch.randn(16, 6, generator=rng, dtype=torch.float64)
    start, end = latents(rng, num=23)
    shift = torch.randn(23, 1, 1, 1, generator=rng, dtype=torch.float64)  # by row, as labels are
    seen = []

    def generate(latent: torch.Tensor, rows: slice) -> torch.Tensor:
        seen.append(rows)
        return linear(matrix)(latent, rows) * shift[rows]

    squares = FeatureDistance(FourTimes(), "four times the pixels")
    squares.load()
    share = torch.zeros(23)
    whole = path_lengths(generate, start, end, share, squares, batch_size=23)
    assert torch.allclose(path_lengths(generate, start, end, share, squares, batch_size=5), whole, rtol=1e-6)
    pixels = path_lengths(generate, start, end, share, pixel_distances)
    assert torch.allclose(whole, 16 * 16 * pixels, rtol=1e-9)
    assert seen[2] == slice(0, 5)


def test_trimmed_mean_leaves_out_what_lies_beyond_the_quantiles(rng):
    lengths = torch.rand(1000, generator=rng, dtype=torch.float64)
    lengths[7] = 1e9
    assert trimmed_mean(lengths) == pytest.approx(0.5, abs=0.03)
    ordered = lengths.sort().values
    assert trimmed_mean(lengths) == pytest.approx(ordered[9:991].mean().item())
    assert lengths.mean() > 1e5  # control


class BesideTorchmetrics(torch.nn.Module):
    """A generator as torchmetrics wants it, images in [0, 255], with latents that are known beforehand."""

    def __init__(self, matrix: torch.Tensor, start: torch.Tensor, end: torch.Tensor) -> None:
        super().__init__()
        self.matrix, self.latents = matrix, iter([start, end])

    def sample(self, num: int) -> torch.Tensor:
        return next(self.latents)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        return 127.5 * (torch.sin(latent @ self.matrix.T).view(len(latent), 1, 4, 4) + 1)


class PixelModule(torch.nn.Module):
    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return pixel_distances(first, second)


@pytest.mark.parametrize(("ours", "theirs"), [(slerp, "slerp_any"), (lerp, "lerp")])
def test_lengths_at_the_ends_equal_torchmetrics_perceptual_path_length_under_the_same_distance(
    ours, theirs, rng
):
    matrix = torch.randn(16, 6, generator=rng, dtype=torch.float64)
    start, end = latents(rng, num=200)
    _, _, expected = perceptual_path_length(
        BesideTorchmetrics(matrix, start.clone(), end.clone()),
        num_samples=200,
        interpolation_method=theirs,
        resize=None,
        lower_discard=None,
        upper_discard=None,
        sim_net=PixelModule(),
    )

    def generate(latent: torch.Tensor, rows: slice) -> torch.Tensor:
        return torch.sin(latent @ matrix.T).view(len(latent), 1, 4, 4)

    lengths = path_lengths(generate, start, end, torch.zeros(200), pixel_distances, ours)
    assert torch.allclose(lengths, expected, rtol=1e-5)
