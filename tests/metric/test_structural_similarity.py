import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms.functional import gaussian_blur

from ganworks.errors import SettingError
from ganworks.metric.distance.structural_similarity import (
    WEIGHTS,
    check_scales,
    mean_similarity,
    random_pairs,
    smallest_size,
)


def naive_ms_ssim(x: torch.Tensor, y: torch.Tensor, num_scales: int, sigma: float = 1.5) -> float:
    """Equations 6 and 7 of Wang et al. 2003 for one pair of gray images (H, W) in [-1, 1], in float64."""
    reach = int(3.5 * sigma + 0.5)
    weights = torch.exp(-torch.arange(-reach, reach + 1).double().square() / (2 * sigma**2))
    window = torch.outer(weights, weights)
    window = (window / window.sum())[None, None]
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    exponents = [w / sum(WEIGHTS[:num_scales]) for w in WEIGHTS[:num_scales]]
    x, y, figure = x.double()[None, None], y.double()[None, None], 1.0
    for scale, exponent in enumerate(exponents):
        mean_x, mean_y = F.conv2d(x, window), F.conv2d(y, window)
        var_x, var_y = F.conv2d(x * x, window) - mean_x**2, F.conv2d(y * y, window) - mean_y**2
        covariance = F.conv2d(x * y, window) - mean_x * mean_y
        contrast = (2 * covariance + c2) / (var_x + var_y + c2)
        luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
        is_last = scale == num_scales - 1
        term = (luminance * contrast if is_last else contrast).mean()
        figure *= max(0.0, float(term)) ** exponent
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return figure


def blurred(num: int, size: int, rng: torch.Generator) -> torch.Tensor:
    return (4 * gaussian_blur(torch.rand(num, 1, size, size, generator=rng) - 0.5, 9, 2.0)).clamp(-1, 1)


@pytest.mark.parametrize(("size", "num_scales"), [(180, 5), (48, 3), (24, 2), (11, 1)])
def test_similarity_equals_the_papers_equations(size, num_scales, rng):
    base, noise = blurred(1, size, rng), blurred(1, size, rng)
    images = torch.cat([base, (0.7 * base + 0.3 * noise).clamp(-1, 1)])
    figure = mean_similarity(images, torch.tensor([[0, 1]]), num_scales)
    assert figure == pytest.approx(naive_ms_ssim(images[0, 0], images[1, 0], num_scales), rel=1e-8)
    assert 0.1 < figure < 0.999


def test_copies_score_one_and_a_generator_of_few_images_is_more_alike_than_real_ones(rng):
    real = blurred(60, 48, rng)
    pairs = random_pairs(torch.zeros(60).long(), 100, rng)
    few = real[torch.arange(60) % 3]
    figures = [
        mean_similarity(images, pairs, num_scales=3)
        for images in (real, few, real[:1].expand(60, -1, -1, -1))
    ]
    assert figures == sorted(figures)
    assert figures[0] < 0.2
    assert figures[2] == pytest.approx(1.0, abs=1e-5)


def test_pairs_are_two_different_images_of_one_class_each_as_often_as_any_other(rng):
    labels = torch.tensor([0, 1, 0, 2, 1, 0, 0])  # one image of class 2: no pair
    pairs = random_pairs(labels, 20_000, rng)
    assert torch.equal(labels[pairs[:, 0]], labels[pairs[:, 1]])
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert 2 not in labels[pairs]
    found, counts = pairs.unique(dim=0, return_counts=True)
    assert len(found) == 4 * 3 + 2 * 1
    of_first = {tuple(pair): int(count) for pair, count in zip(found.tolist(), counts, strict=True)}
    assert (
        of_first[0, 2] == pytest.approx(of_first[0, 5], rel=0.15) == pytest.approx(of_first[6, 0], rel=0.15)
    )
    assert of_first[1, 4] == pytest.approx(3 * of_first[0, 2], rel=0.15)


def test_a_collapse_within_each_class_shows_only_in_pairs_of_one_class(rng):
    labels = torch.arange(40) % 4
    one_image_a_class = blurred(4, 48, rng)[labels]
    within = mean_similarity(one_image_a_class, random_pairs(labels, 100, rng), num_scales=3)
    across = mean_similarity(one_image_a_class, random_pairs(0 * labels, 100, rng), num_scales=3)
    assert within == pytest.approx(1.0, abs=1e-5)
    assert across < 0.5


@pytest.mark.parametrize("num_scales", [1, 2, 3, 4, 5])
def test_smallest_size_is_measured_and_one_pixel_less_is_refused(num_scales, rng):
    size = smallest_size(num_scales)
    images, pairs = torch.rand(2, 1, size, size, generator=rng), torch.tensor([[0, 1]])
    assert 0 <= mean_similarity(images, pairs, num_scales) < 1
    with pytest.raises(SettingError):
        mean_similarity(images[..., 1:], pairs, num_scales)


@pytest.mark.parametrize(
    ("size", "num_scales", "sigma", "message"),
    [
        (128, 5, 1.5, "num_scales=5: must be at most 4 for images of 128 pixels at sigma=1.5"),
        (32, 5, 1.5, "num_scales=5: must be at most 2 for images of 32 pixels"),
        (8, 5, 1.5, "sigma=1.5: must be at most 0.9, with num_scales=1, for images of 8 pixels"),
        (64, 6, 1.5, "num_scales=6: must be an integer from 1 to 5"),
        (64, 1, 0.0, "sigma=0.0: must be a number above 0"),
    ],
)
def test_images_that_are_too_small_are_refused_with_the_nearest_valid_setting(
    size, num_scales, sigma, message
):
    with pytest.raises(SettingError) as error:
        check_scales((size, size), num_scales, sigma)
    assert message in str(error.value)


def test_the_setting_that_is_offered_is_accepted():
    check_scales((128, 128), 4, 1.5)
    check_scales((32, 40), 2, 1.5)
    check_scales((8, 8), 1, 0.9)
