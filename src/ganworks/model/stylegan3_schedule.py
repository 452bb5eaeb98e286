"""The layers of StyleGAN3's synthesis network: their bandlimits, sampling rates, sizes, channels and filters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

NUM_LAYERS, NUM_CRITICAL = 14, 2
FIRST_CUTOFF, FIRST_STOPBAND, LAST_STOPBAND = 2.0, 2**2.1, 2**0.3  # the last one relative to the last cutoff
MARGIN = 10  # values beyond the image's border on each side
TAPS = 6  # of a filter, for each step of its resampling


@dataclass(frozen=True)
class Spec:
    """A signal between two layers.

    Args:
        cutoff: bandlimit f_c, in cycles across the image.
        rate: samples across the image.
        half_width: of the transition band f_h.
        size: side of the map with its margin.
        channels: of the map.
    """

    cutoff: float
    rate: int
    half_width: float
    size: int
    channels: int


def schedule(
    resolution: int,
    image_channels: int,
    channel_base: int,
    channel_max: int,
    num_layers: int = NUM_LAYERS,
    num_critical: int = NUM_CRITICAL,
) -> list[Spec]:
    """Return what leaves each of ``num_layers`` layers and, last, the layer to the image.

    Karras et al. 2021 (https://arxiv.org/abs/2106.12423), section 3.2 and appendix C: cutoff and stopband grow
    geometrically and reach their last values before the critically sampled layers.
    """
    last_stopband = resolution / 2 * LAST_STOPBAND
    specs = []
    for i in range(num_layers + 1):
        share = min(i / (num_layers - num_critical), 1)
        cutoff = FIRST_CUTOFF * (resolution / 2 / FIRST_CUTOFF) ** share
        stopband = FIRST_STOPBAND * (last_stopband / FIRST_STOPBAND) ** share
        rate = 2 ** math.ceil(math.log2(min(2 * stopband, resolution)))
        size = resolution if i >= num_layers - 1 else rate + 2 * MARGIN
        channels = max(1, round(min(channel_base / 2 / cutoff, channel_max)))
        half_width = max(stopband, rate / 2) - cutoff
        specs.append(Spec(cutoff, rate, half_width, size, image_channels if i == num_layers else channels))
    return specs


def low_pass(taps: int, cutoff: float, half_width: float, rate: float, radial: bool = False) -> Tensor | None:
    """Return a Kaiser low-pass filter (taps,) of sum 1, a radial one as (taps, taps); None for one tap.

    Appendix C.1; the radial one, section 3.2 (configuration R), is the jinc of the distance under a separable window.

    Args:
        cutoff, half_width, rate: in cycles and samples across the image.
    """
    from scipy.signal import firwin, kaiser_atten, kaiser_beta
    from scipy.special import j1

    if taps == 1:
        return None
    if not radial:
        f = firwin(numtaps=taps, cutoff=cutoff, width=2 * half_width, fs=rate)
        return torch.as_tensor(f, dtype=torch.float32)
    x = (np.arange(taps) - (taps - 1) / 2) / rate
    distance = np.hypot(*np.meshgrid(x, x))
    f = j1(2 * cutoff * np.pi * distance) / (np.pi * distance)  # an even number of taps: no distance is 0
    window = np.kaiser(taps, kaiser_beta(kaiser_atten(taps, 2 * half_width / (rate / 2))))
    f *= np.outer(window, window)
    return torch.as_tensor(f / f.sum(), dtype=torch.float32)
