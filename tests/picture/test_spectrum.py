"""The spectrum's band and lines."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ganworks.errors import GanworksError
from ganworks.metric.distance.spectrum import power_spectrum
from ganworks.picture.spectrum import NUM_PARTS, decibels, spectra_of_parts, spectrum_plot


def white(num: int, seed: int = 0, side: int = 16) -> Tensor:
    return 0.3 * torch.randn(num, 1, side, side, generator=torch.Generator().manual_seed(seed))


def blurred(images: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(images, 3, stride=1, padding=1)


def test_white_noise_is_flat_and_its_blur_is_not() -> None:
    flat = decibels(power_spectrum(white(800)))
    assert (flat - 20 * np.log10(0.3)).abs().max() < 0.2
    steep = decibels(power_spectrum(blurred(white(800))))  # control
    assert steep[0] - steep.min() > 10


def test_band_holds_the_spectrum_of_all_and_of_unseen_images_but_not_that_of_other_images() -> None:
    parts, _ = spectra_of_parts(white(1000), size=400)
    low, high = parts.amin(0), parts.amax(0)
    spread = high - low
    assert ((low < power_spectrum(white(1000))) & (power_spectrum(white(1000)) < high)).all()
    unseen = power_spectrum(white(400, seed=1))
    assert ((low - spread < unseen) & (unseen < high + spread)).all()
    other = power_spectrum(blurred(white(400, seed=1)))
    assert ((other < low - 5 * spread) | (other > high + 5 * spread)).double().mean() > 0.8


@pytest.mark.parametrize(
    ("num", "size", "expected"), [(1000, 400, 400), (1000, 9000, 500), (80, 1, 2), (7, 3, 3)]
)
def test_part_is_as_large_as_the_fakes_but_at_most_half(num: int, size: int, expected: int) -> None:
    parts, part_size = spectra_of_parts(white(num), size)
    assert len(parts) == NUM_PARTS
    assert part_size == expected


def test_parts_are_means_over_real_images() -> None:
    images = white(40)
    parts, _ = spectra_of_parts(images, size=20)
    singles = torch.stack([power_spectrum(image[None]) for image in images])
    weights = (
        torch.linalg.lstsq(singles.T, parts[0]).solution if singles.shape[0] <= singles.shape[1] else None
    )
    assert weights is None or ((weights - 1 / 20).abs() < 1e-6).sum() == 20
    assert parts.mean(0).allclose(singles.mean(0), rtol=0.05)
    assert not torch.equal(parts[0], parts[1])


def test_smaller_parts_have_a_wider_band() -> None:
    widths = [
        (parts.amax(0) - parts.amin(0)).mean()
        for parts, _ in (spectra_of_parts(white(1000), size) for size in (50, 500))
    ]
    assert widths[0] > 2 * widths[1]


def test_too_few_or_too_small_images_are_refused_with_the_reason() -> None:
    with pytest.raises(GanworksError, match="four real images"):
        spectrum_plot(white(3), white(3))
    with pytest.raises(GanworksError, match="four pixels a side"):
        spectrum_plot(white(9, side=2), white(9, side=2))


def test_color_images_of_any_shape_and_black_ones_make_a_picture() -> None:
    wide = torch.rand(8, 3, 12, 20) * 2 - 1
    assert spectrum_plot(wide, -torch.ones_like(wide)).size == (2100, 840)
