"""MS-SSIM of random pairs: how alike the images of a set are, fakes beside reals.

Odena et al. 2017, section 4.2 (https://arxiv.org/abs/1610.09585): pairs of one class, so that classes which differ
do not hide a collapse within each. Lower is more diverse; what is good is the figure of the reals, and a collapsed
generator is near 1. The similarity is that of Wang et al. 2003, eq. 7: a window of 11 pixels (sigma 1.5) on each of 5
scales, which needs images of 176 pixels. Smaller ones take fewer scales or a smaller sigma, which is another figure.

Intensities run from 0 to 1, not from -1: the luminance term compares two means relative to their size (Wang et al.
2004, section III.B: Weber's law), so that black has to be 0. The channels of a colour image are compared one by one,
over all scales, and the figure is their mean.

torchmetrics 1.9 takes the mean over the channels within each scale. It leaves the borders out of the contrast, as the
paper does, but not out of the last scale's similarity, where reflected pixels then prevail.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ganworks.errors import SettingError

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, table 1
SIGMA = 1.5
C1, C2 = 0.01**2, 0.03**2  # (K L)^2, Wang et al. 2004, for intensities in [0, 1]
BATCH_SIZE = 100


def mean_similarity(
    images: Tensor, pairs: Tensor, num_scales: int = len(WEIGHTS), sigma: float = SIGMA
) -> float:
    """Return the mean MS-SSIM of ``pairs`` (P, 2), rows of images (N, C, H, W) in [-1, 1].

    Args:
        num_scales: of the five, the finest so many; their weights are scaled to sum to one.
        sigma: of the Gaussian window in pixels, 1.5 in the paper.

    Raises:
        SettingError: the images are too small for so many scales or so large a window.
    """
    check_scales(images.shape[-2:], num_scales, sigma)
    figures = [
        ms_ssim(images[batch[:, 0]], images[batch[:, 1]], num_scales, sigma)
        for batch in pairs.split(BATCH_SIZE)
    ]
    return torch.cat(figures).mean().item()


def ms_ssim(first: Tensor, second: Tensor, num_scales: int = len(WEIGHTS), sigma: float = SIGMA) -> Tensor:
    """Return the similarity (B,), float64, of images (B, C, H, W) in [-1, 1]; negative terms count as zero."""
    first, second = (images.double().add(1).div(2) for images in (first, second))
    weights = torch.tensor(WEIGHTS[:num_scales]).to(first)
    terms = []
    for scale in range(num_scales):
        luminance, contrast = _luminance_and_contrast(first, second, sigma)
        is_last = scale == num_scales - 1
        terms.append((luminance * contrast if is_last else contrast).flatten(2).mean(2))
        first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
    of_channels = (torch.stack(terms, 2).clamp(min=0) ** (weights / weights.sum())).prod(2)
    return of_channels.mean(1)


def _luminance_and_contrast(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Return l and c s (B, C, h, w) of Wang et al. 2003, eq. 1 to 3, at windows within the images."""
    mean_x, mean_y = _smooth(x, sigma), _smooth(y, sigma)
    variances = _smooth(x * x, sigma) - mean_x**2 + _smooth(y * y, sigma) - mean_y**2
    covariance = _smooth(x * y, sigma) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return luminance, (2 * covariance + C2) / (variances + C2)


def _smooth(images: Tensor, sigma: float) -> Tensor:
    """Return Gaussian averages (B, C, h, w), where the window fits, of images (B, C, H, W)."""
    reach = _window(sigma) // 2
    weights = torch.exp(-torch.arange(-reach, reach + 1).to(images).square() / (2 * sigma**2))
    weights = (weights / weights.sum()).expand(images.shape[1], 1, 1, -1)
    rows = F.conv2d(images, weights, groups=images.shape[1])
    return F.conv2d(rows, weights.transpose(2, 3), groups=images.shape[1])


def random_pairs(labels: Tensor, num_pairs: int, rng: torch.Generator) -> Tensor:
    """Return rows (P, 2), P at most ``num_pairs``, of two different images of one class each.

    The classes come as often as in ``labels`` (N,); classes of one image have no pair. Without classes pass
    zeros.
    """
    first = torch.randint(len(labels), (num_pairs,), generator=rng)
    order = labels.argsort(stable=True)
    counts = torch.bincount(labels)
    starts = counts.cumsum(0) - counts
    place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order))) - starts[labels]
    first = first[counts[labels[first]] > 1]
    num = counts[labels[first]]
    # any other of the class: 1 to num - 1 places further, around
    step = 1 + (torch.rand(len(first), generator=rng, dtype=torch.float64) * (num - 1)).long()
    second = order[starts[labels[first]] + (place[first] + step) % num]
    return torch.stack([first, second], 1)


def check_scales(size: tuple[int, ...] | torch.Size, num_scales: int, sigma: float) -> None:
    """Raise `SettingError`, which names the nearest valid settings, unless images of ``size`` (H, W) are large enough.

    The window has to fit into the coarsest scale.
    """
    if num_scales not in range(1, len(WEIGHTS) + 1):
        raise SettingError("num_scales", num_scales, f"an integer from 1 to {len(WEIGHTS)}")
    if not sigma > 0:
        raise SettingError("sigma", sigma, "a number above 0")
    if min(size) >= smallest_size(num_scales, sigma):
        return
    fitting = [scales for scales in range(1, num_scales) if min(size) >= smallest_size(scales, sigma)]
    if fitting:
        allowed = f"at most {fitting[-1]} for images of {min(size)} pixels at sigma={sigma:g}"
        raise SettingError("num_scales", num_scales, allowed)
    largest = next(
        (s / 10 for s in range(round(10 * sigma), 1, -1) if min(size) >= smallest_size(1, s / 10)), 0
    )
    allowed = f"at most {largest:g}, with num_scales=1, for images of {min(size)} pixels"
    raise SettingError("sigma", sigma, allowed)


def smallest_size(num_scales: int, sigma: float = SIGMA) -> int:
    """Return the side that images need at least.

    >>> [smallest_size(scales) for scales in (1, 2, 3, 4, 5)]
    [11, 22, 44, 88, 176]
    """
    return _window(sigma) * 2 ** (num_scales - 1)


def _window(sigma: float) -> int:
    """Return the side of the Gaussian window, cut off at 3.5 sigma: 11 for 1.5, as in the paper."""
    return 2 * int(3.5 * sigma + 0.5) + 1
