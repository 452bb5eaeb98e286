"""ADA's corruptions: bands of frequencies amplified or damped, noise, a square cut out.

Karras et al. 2020 (ADA), appendix B, https://arxiv.org/abs/2006.06676.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ganworks.errors import SettingError

SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
NUM_BANDS = 4
POWER = torch.tensor([10.0, 1.0, 1.0, 1.0]) / 13  # of the bands in natural images, the lowest first
SIGMA = 0.1  # of the deviation of the noise
SIDE = 0.5  # of the square that is cut out, in sides of the image


@cache
def filter_bank() -> Tensor:
    """Return the filters of four octaves, (4, 43), the lowest first: their sum passes everything."""
    low = torch.tensor(SYM2, dtype=torch.float64)
    high = low * torch.tensor([1, -1, 1, -1])
    low, high = (convolved(h[None], h.flip(0))[0] / 2 for h in (low, high))
    bank = torch.eye(NUM_BANDS, 1, dtype=torch.float64)
    for band in range(1, NUM_BANDS):
        spread = torch.stack([bank, torch.zeros_like(bank)], 2).flatten(1)[:, :-1]
        bank = convolved(spread, low)
        start = (bank.shape[1] - len(high)) // 2
        bank[band, start : start + len(high)] += high
    return bank.float()


def convolved(rows: Tensor, f: Tensor) -> Tensor:
    """Return the full convolution of each of ``rows`` (N, n) with ``f`` (m,), (N, n + m - 1)."""
    return F.conv1d(rows[:, None], f.flip(0).view(1, 1, -1), padding=len(f) - 1)[:, 0]


def kernels(values: Mapping[str, Tensor]) -> Tensor | None:
    """Return a filter a sample, (B, 43), that keeps the expected power; None where no band is among ``values``."""
    gains = None
    for band in range(NUM_BANDS):
        if (value := values.get(f"band{band}")) is not None:
            gain = torch.ones(len(value), NUM_BANDS)
            gain[:, band] = 2**value
            gain = gain / (POWER * gain.square()).sum(1, keepdim=True).sqrt()
            gains = gain if gains is None else gains * gain
    return None if gains is None else gains @ filter_bank()


def filtered(x: Tensor, filters: Tensor) -> Tensor:
    """Return images (B, C, H, W), each filtered along both axes by its row of ``filters`` (B, 43), reflected beyond
    the border.

    Raises:
        SettingError: images of a side of less than 22.
    """
    num, channels, height, width = x.shape
    pad = filters.shape[1] // 2
    if min(height, width) <= pad:
        raise SettingError(
            "filter", f"above 0 for images of {height}x{width}", f"0 below a side of {pad + 1}"
        )
    # Convolution and correlation are one: the filters are symmetric.
    weight = filters.to(x, non_blocking=True).repeat_interleave(channels, 0)
    planes = F.pad(x.reshape(1, num * channels, height, width), [pad] * 4, "reflect")
    planes = F.conv2d(planes, weight[:, None, None, :], groups=num * channels)
    return F.conv2d(planes, weight[:, None, :, None], groups=num * channels).view(x.shape)


def cut(x: Tensor, centre: Tensor) -> Tensor:
    """Return images (B, C, H, W) with 0 within a quarter of the sides around ``centre`` (B, 2): x, y in sides."""
    centre = centre.to(x, non_blocking=True)
    rows = is_near(x.shape[-2], centre[:, 1])[:, None, :, None]
    columns = is_near(x.shape[-1], centre[:, 0])[:, None, None, :]
    return x.masked_fill(rows & columns, 0.0)


def is_near(size: int, centre: Tensor) -> Tensor:
    """Return which of ``size`` pixels are cut, (B, size)."""
    place = (torch.arange(size, device=centre.device) + 0.5) / size
    return (place - centre[:, None]).abs() < SIDE / 2
