"""The frequencies of real and fake images: blur lacks the high ones, upsampling leaves peaks among them."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from ganworks.errors import GanworksError
from ganworks.metric.distance.spectrum import power_spectrum
from ganworks.noise import keyed_rng
from ganworks.picture.plot import FAKE, REAL, finish, new_plot

NUM_CHUNKS, NUM_PARTS = 40, 20


def spectrum_plot(real: Tensor, fake: Tensor, seed: int = 0) -> Image.Image:
    """Return the azimuthal power spectra of images (N, C, H, W) in [-1, 1], and how far the fakes' is off.

    Args:
        seed: key of the random parts of the reals, whose spread is what chance alone does.

    Raises:
        GanworksError: too few real images for two halves, or images too small for a spectrum.
    """
    side = min(real.shape[2:])
    if len(real) < 4 or side < 4:
        raise GanworksError("it takes four real images, of four pixels a side")
    parts, part_size = spectra_of_parts(real, len(fake), seed)
    levels = [decibels(power_spectrum(real)), decibels(power_spectrum(fake))]
    low, high = (decibels(bound) for bound in (parts.amin(0), parts.amax(0)))
    frequency = torch.arange(1, len(low) + 1) / side
    figure, (left, right) = new_plot(10.5, 4.2, columns=2, is_shared=False)
    marker = "o" if len(low) <= 16 else ""
    for axis, zero in ((left, torch.zeros_like(low)), (right, levels[0])):
        axis.fill_between(frequency, low - zero, high - zero, color=REAL, alpha=0.35, linewidth=0)
        axis.plot(frequency, levels[0] - zero, color=REAL, linewidth=1.6, label="Real")
        axis.plot(
            frequency, levels[1] - zero, color=FAKE, linewidth=1.6, label="Fake", marker=marker, markersize=4
        )
        axis.set_xlabel("Spatial frequency (cycles per pixel)")
    left.set_ylabel("Power (dB)")
    left.legend(frameon=False)
    right.set_ylabel("Fake over real (dB)")
    note = (
        f"Power of the gray images, averaged over {len(real):,} real and {len(fake):,} fake ones and over all"
        f" directions. Gray band: {NUM_PARTS} random parts of the real images, {part_size:,} each."
    )
    return finish(figure, "Frequency spectrum", note)


def spectra_of_parts(images: Tensor, size: int, seed: int = 0) -> tuple[Tensor, int]:
    """Return the spectra (NUM_PARTS, K) of random parts of the images, and the images in a part.

    A part has about ``size`` images but at most half of them all. The parts are put together from chunks, so
    that each image is transformed once.
    """
    rng = keyed_rng(seed, "picture/spectrum")
    num_chunks = min(NUM_CHUNKS, len(images))
    chunk_size = len(images) // num_chunks
    order = torch.randperm(len(images), generator=rng)[: num_chunks * chunk_size]
    chunks = torch.stack([power_spectrum(images[rows]) for rows in order.split(chunk_size)])
    num_in_part = min(max(1, round(size / chunk_size)), num_chunks // 2)
    picks = [torch.randperm(num_chunks, generator=rng)[:num_in_part] for _ in range(NUM_PARTS)]
    return torch.stack([chunks[pick].mean(0) for pick in picks]), num_in_part * chunk_size


def decibels(power: Tensor) -> Tensor:
    """Return ten times the decimal logarithm of a power; of a power of 0 that of the smallest number.

    >>> decibels(torch.tensor([1.0, 100.0])).tolist()
    [0.0, 20.0]
    """
    return 10 * power.clamp(min=1e-12).log10()
