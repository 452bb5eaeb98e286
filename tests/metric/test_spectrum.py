import itertools
import math
from fractions import Fraction

import pytest
import torch
from torchvision.transforms.functional import gaussian_blur

from ganworks.metric.distance.spectrum import QUANTISATION, _rings, power_spectrum, spectrum_distance
from ganworks.metric.extractor.digits import digits_half


def naive_spectrum(images: torch.Tensor) -> list[float]:
    """Frequency by frequency: the Fourier sum by its definition, then the mean of each ring."""
    num, _, height, width = images.shape
    rings: dict[int, list[float]] = {}
    for i in range(height):
        for j in range(width):
            up, across = (i if i < height / 2 else i - height), (j if j < width / 2 else j - width)
            phase = [
                [-2 * math.pi * (up * y / height + across * x / width) for x in range(width)]
                for y in range(height)
            ]
            wave = torch.polar(torch.ones(height, width).double(), torch.tensor(phase, dtype=torch.float64))
            power = [float((image.double().mean(0) * wave).sum().abs() ** 2) for image in images]
            radius = math.hypot(up / height, across / width) * min(height, width)
            rings.setdefault(math.floor(radius + 0.5), []).append(sum(power) / (num * height * width))
    return [sum(rings[k]) / len(rings[k]) for k in sorted(rings) if k > 0]


def exact_rings(height: int, width: int) -> torch.Tensor:
    """The definition in rational numbers: the largest k with (k - 1/2)^2 <= |f|^2 min(H, W)^2, or 0."""
    rings = torch.zeros(height // 2 + 1, width // 2 + 1, dtype=torch.long)
    for i, j in itertools.product(range(height // 2 + 1), range(width // 2 + 1)):
        square = (Fraction(i, height) ** 2 + Fraction(j, width) ** 2) * min(height, width) ** 2
        k = round(math.sqrt(square)) + 1
        while k > 0 and (k - Fraction(1, 2)) ** 2 > square:
            k -= 1
        rings[i, j] = k
    down, across = (torch.arange(size).minimum(size - torch.arange(size)) for size in (height, width))
    return rings[down][:, across]


def test_every_frequency_of_every_size_lies_in_its_ring():
    wrong = [
        (height, width)
        for height in range(2, 41)
        for width in range(height, 41)
        if not torch.equal(_rings(height, width), exact_rings(height, width))
    ]
    assert wrong == []
    assert all(torch.equal(_rings(w, h), _rings(h, w).T) for h, w in [(6, 9), (13, 40), (31, 32)])


def test_frequencies_in_single_precision_miss_rings():
    """The control: the bounds of rings are hit exactly, where rounding decides."""

    def rounded(height: int, width: int) -> torch.Tensor:
        down, across = torch.fft.fftfreq(height).double(), torch.fft.fftfreq(width).double()
        radius = (down[:, None].square() + across.square()).sqrt()
        return (radius * min(height, width) + 0.5).floor().long()

    assert any(not torch.equal(rounded(h, w), _rings(h, w)) for h in range(2, 41) for w in range(2, 41))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 6, 9), (1, 5, 5)])
def test_spectrum_equals_the_naive_fourier_sums(shape, rng):
    images = torch.rand(4, *shape, generator=rng) * 2 - 1
    assert power_spectrum(images).tolist() == pytest.approx(naive_spectrum(images), rel=1e-8)


def test_white_noise_has_its_variance_at_every_frequency(rng):
    spectrum = power_spectrum(0.3 * torch.randn(4000, 1, 16, 16, generator=rng))
    assert spectrum.tolist() == pytest.approx([0.09] * len(spectrum), rel=0.05)


def test_scaling_images_by_ten_is_twenty_decibels_and_a_constant_brightness_nothing(rng):
    images = torch.rand(50, 1, 16, 16, generator=rng)
    spectrum = power_spectrum(images)
    assert spectrum_distance(spectrum, power_spectrum(10 * images)) == pytest.approx(20, abs=0.01)
    assert spectrum_distance(spectrum, power_spectrum(images + 0.5)) == pytest.approx(0, abs=1e-6)


def test_a_faint_checkerboard_shows_in_the_last_ring_and_what_no_file_holds_does_not(rng):
    real = gaussian_blur(torch.rand(50, 1, 32, 32, generator=rng), 9, 2.0)
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2.0 - 1
    spectrum = power_spectrum(real)
    change = power_spectrum(real + 0.03 * board) - spectrum
    assert change.argmax() == len(spectrum) - 1
    assert spectrum_distance(spectrum, power_spectrum(real + 0.03 * board)) > 3
    invisible = QUANTISATION**0.5 / 3 * torch.randn(real.shape, generator=rng)
    assert spectrum_distance(spectrum, power_spectrum(real + invisible)) < 0.5  # control


def test_blur_and_noise_are_farther_than_unseen_digits_and_a_constant_image_is_finite(rng):
    real, held_out = power_spectrum(digits_half(train=True)[0]), digits_half(train=False)[0]
    noisy = held_out + 0.3 * torch.randn(held_out.shape, generator=rng)
    rungs = [held_out, gaussian_blur(held_out, 3, 0.45), noisy, torch.zeros(10, 1, 8, 8)]
    figures = [spectrum_distance(real, power_spectrum(images)) for images in rungs]
    assert figures[0] < 0.2
    assert min(figures[1:3]) > 10 * figures[0]
    assert max(figures) == figures[3] < 100
