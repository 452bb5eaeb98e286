import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torchmetrics.functional.image import structural_similarity_index_measure
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
    """Equations 6 and 7 of Wang et al. 2003 for one pair (C, H, W) in [-1, 1], as 8 bits would hold it, with SciPy."""

    def smooth(image: np.ndarray) -> np.ndarray:
        reach = int(3.5 * sigma + 0.5)
        inner = slice(reach, -reach)
        return gaussian_filter(image, sigma, truncate=3.5)[inner, inner]

    def halved(image: np.ndarray) -> np.ndarray:
        height, width = (side // 2 for side in image.shape)
        return image[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3))

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    exponents = np.array(WEIGHTS[:num_scales]) / sum(WEIGHTS[:num_scales])
    figures = []
    for a, b in zip((x.double().numpy() + 1) * 127.5, (y.double().numpy() + 1) * 127.5, strict=True):
        figure = 1.0
        for scale, exponent in enumerate(exponents):
            mean_a, mean_b = smooth(a), smooth(b)
            covariance = smooth(a * b) - mean_a * mean_b
            contrast = (2 * covariance + c2) / (smooth(a * a) - mean_a**2 + smooth(b * b) - mean_b**2 + c2)
            luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
            term = (luminance * contrast if scale == num_scales - 1 else contrast).mean()
            figure *= max(0.0, float(term)) ** exponent
            a, b = halved(a), halved(b)
        figures.append(figure)
    return float(np.mean(figures))


def with_torchmetrics(x: torch.Tensor, y: torch.Tensor, num_scales: int) -> float:
    """The same of its terms, of a pair (C, H, W) in [-1, 1]; its similarity without the borders, which it reflects."""
    figures = []
    for channel in range(len(x)):
        a, b = (image[None, channel : channel + 1].double().add(1).div(2) for image in (x, y))
        terms = []
        for _ in range(num_scales - 1):
            *_, contrast = structural_similarity_index_measure(
                a, b, data_range=1.0, return_contrast_sensitivity=True
            )
            terms.append(contrast.item())
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        _, similarity = structural_similarity_index_measure(a, b, data_range=1.0, return_full_image=True)
        terms.append(similarity[..., 5:-5, 5:-5].mean().item())
        exponents = [weight / sum(WEIGHTS[:num_scales]) for weight in WEIGHTS[:num_scales]]
        figures.append(math.prod(t**e for t, e in zip(terms, exponents, strict=True)))
    return sum(figures) / len(figures)


def blurred(num: int, size: int, rng: torch.Generator) -> torch.Tensor:
    return (4 * gaussian_blur(torch.rand(num, 1, size, size, generator=rng) - 0.5, 9, 2.0)).clamp(-1, 1)


@pytest.mark.parametrize(("size", "num_scales"), [(180, 5), (48, 3), (27, 2), (11, 1)])
@pytest.mark.parametrize("num_channels", [1, 3])
def test_similarity_equals_the_papers_equations(size, num_scales, num_channels, rng):
    base, noise = (blurred(num_channels, size, rng).view(1, -1, size, size) for _ in range(2))
    shares = torch.linspace(0.8, 0.6, num_channels).view(-1, 1, 1)  # the channels are not equally alike
    images = torch.cat([base, (shares * base + (1 - shares) * noise).clamp(-1, 1)])
    figure = mean_similarity(images, torch.tensor([[0, 1]]), num_scales)
    assert figure == pytest.approx(naive_ms_ssim(*images, num_scales), rel=1e-8)
    assert figure == pytest.approx(with_torchmetrics(*images, num_scales), rel=1e-6)
    assert 0.1 < figure < 0.999


@pytest.mark.parametrize(("first", "second"), [(120, 136), (0, 0), (0, 255), (10, 30), (250, 251)])
@pytest.mark.parametrize("size", [11, 22])
def test_flat_images_have_the_luminance_term_alone(first, second, size):
    levels = torch.tensor([first, second]).view(2, 1, 1, 1) / 127.5 - 1
    images = levels.expand(2, 1, size, size)
    a, b, c1 = first / 255, second / 255, 1e-4
    exponent = 1.0 if size == 11 else WEIGHTS[1] / (WEIGHTS[0] + WEIGHTS[1])  # it counts at the last scale
    expected = ((2 * a * b + c1) / (a * a + b * b + c1)) ** exponent
    figure = mean_similarity(images, torch.tensor([[0, 1]]), num_scales=size // 11)
    assert figure == pytest.approx(expected, abs=1e-6)


def test_neighbouring_grays_are_alike():
    levels = torch.tensor([120, 136]).view(2, 1, 1, 1) / 127.5 - 1  # around zero on [-1, 1]
    figure = mean_similarity(levels.expand(2, 1, 11, 11), torch.tensor([[0, 1]]), num_scales=1)
    assert figure == pytest.approx(0.992, abs=5e-4)


def test_a_channel_that_differs_costs_its_share_and_no_more(rng):
    gray = blurred(1, 48, rng)
    other = gray.flip(-1)
    colours = torch.stack([gray[0].expand(3, -1, -1), torch.cat([gray[0], gray[0], other[0]])])
    pair = torch.tensor([[0, 1]])
    third = mean_similarity(torch.cat([gray, other]), pair, num_scales=3)
    assert third < 0.5
    assert mean_similarity(colours, pair, num_scales=3) == pytest.approx((2 + third) / 3, rel=1e-9)


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
