r"""Distance of frequency spectra: what upsampling layers leave behind, and what blur takes away.

The power at a frequency is :math:`P(f) = |\hat{x}(f)|^2 / HW`, with :math:`\hat x` the discrete Fourier transform
of the mean of the channels; white noise of variance v has v at every frequency. It is averaged over the images and
over the azimuth: over the rings :math:`k - 1/2 \le |f| \min(H, W) < k + 1/2` with f in cycles per pixel,
k = 1, 2, ..., corners included (Durall et al. 2020, eq. 3; https://arxiv.org/abs/2003.01826). The distance is the
root mean square over the rings of

.. math:: 10 \log_{10} (S_{fake}(k) + q) - 10 \log_{10} (S_{real}(k) + q) \quad \mathrm{[dB]}

where q is the power that rounding to 8 bits adds, so that what no image file holds does not count.
"""

from __future__ import annotations

import torch
from torch import Tensor

QUANTISATION = (2 / 255) ** 2 / 12  # variance of rounding to one of 256 values in [-1, 1]
BATCH_SIZE = 500


def power_spectrum(images: Tensor) -> Tensor:
    """Return the azimuthal average S (K,), float64, of the power of images (N, C, H, W) in [-1, 1].

    >>> spectrum = power_spectrum(torch.tensor([[1.0, -1.0], [1.0, -1.0]]).view(1, 1, 2, 2))
    >>> spectrum.shape  # the frequencies (0, 1/2), (1/2, 0) and (1/2, 1/2) lie in one ring
    torch.Size([1])
    """
    height, width = images.shape[-2:]
    power = torch.zeros(height, width, dtype=torch.float64, device=images.device)
    for batch in images.split(BATCH_SIZE):
        transform = torch.fft.fft2(batch.double().mean(1))
        power += transform.abs().square().sum(0)
    power /= len(images) * height * width
    ring = _rings(height, width).to(images.device)
    sums = torch.zeros(int(ring.max()) + 1, dtype=torch.float64, device=images.device)
    sums.index_add_(0, ring.flatten(), power.flatten())
    counts = torch.bincount(ring.flatten())
    return (sums / counts)[1:][counts[1:] > 0]  # without the mean brightness


def spectrum_distance(real: Tensor, fake: Tensor) -> float:
    """Return the distance in dB of two spectra (K,) of images of the same size.

    >>> spectrum_distance(torch.ones(4).double(), 10 * torch.ones(4).double())  # doctest: +ELLIPSIS
    9.999...
    """
    return (decibels(fake) - decibels(real)).square().mean().sqrt().item()


def decibels(spectrum: Tensor) -> Tensor:
    """Return a spectrum (K,) in dB, that of rounding to 8 bits added."""
    return 10 * torch.log10(spectrum + QUANTISATION)


def _rings(height: int, width: int) -> Tensor:
    """Return the ring (H, W) that each frequency of the transform lies in, exactly: in integers.

    At |f| min(H, W) = r it is floor((2 r + 1) / 2), and floor(2 r) the integer root of floor((2 r)^2).
    """
    down, across = (torch.arange(size).add(size // 2) % size - size // 2 for size in (height, width))
    squares = 4 * ((down * width).square()[:, None] + (across * height).square())  # (2 r max(H, W))^2
    twice = (squares // max(height, width) ** 2).double().sqrt().floor().long()
    return (twice + 1) // 2
