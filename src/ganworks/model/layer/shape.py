"""Which images a convolutional network can make."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ganworks.errors import SettingError

BASE = 4  # resolution of the first feature map of a generator and of the last of a discriminator
MAX_GROWTH = 8  # the widest feature map has so many times the channels of the one at full resolution


def check_image_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Return (channels, resolution) of square images whose side is a power of two from 8 up.

    Raises:
        SettingError: ``shape`` is not that of an image, or ``resolution`` has no such side.
    """
    if len(shape) != 3:
        raise SettingError("shape", tuple(shape), "(channels, height, width); model=mlp takes any shape")
    channels, height, width = shape
    if height != width or height < 2 * BASE or height & (height - 1):
        size = height if height == width else f"{height}x{width}"
        allowed = f"a power of two from {2 * BASE} up, the same for height and width"
        raise SettingError("resolution", size, f"{allowed}; the nearest is {nearest_resolution(shape)}")
    return channels, height


def nearest_resolution(shape: Sequence[int]) -> int:
    """Return the valid resolution nearest to the longer side, in octaves.

    >>> nearest_resolution((1, 28, 28))
    32
    """
    return max(2 * BASE, 2 ** round(math.log2(max(shape[1:]))))


def channels_by_stage(width: int, resolution: int) -> list[int]:
    """Return the channels of the feature maps of side 4, 8, ..., ``resolution``: ``width`` at the largest.

    >>> channels_by_stage(64, 32)
    [512, 256, 128, 64]
    """
    num_stages = int(math.log2(resolution // BASE))
    return [width * min(2**level, MAX_GROWTH) for level in range(num_stages, -1, -1)]


def check_clip_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return (channels, frames, resolution) of clips of square frames whose side is a power of two from 8 up.

    Raises:
        SettingError: ``shape`` is not that of a clip, ``frames`` are less than two, or ``resolution`` has no such side.
    """
    if len(shape) != 4:
        allowed = "(channels, frames, height, width): clips, such as data=moving_digits or data=clips"
        raise SettingError("shape", tuple(shape), allowed)
    channels, frames, height, width = shape
    if frames < 2:
        raise SettingError("frames", frames, "2 or more")
    check_image_shape((channels, height, width))
    return channels, frames, height


def frames_by_stage(num_frames: int, num_stages: int) -> list[int]:
    """Return the frames of the feature maps from the smallest to the clip: ``num_stages`` doublings of the side.

    Time halves from the clip back as long as its frames are even in number and two are left.

    >>> frames_by_stage(8, 2), frames_by_stage(16, 4), frames_by_stage(5, 2)
    ([2, 4, 8], [2, 2, 4, 8, 16], [5, 5, 5])
    """
    frames = [num_frames]
    for _ in range(num_stages):
        halves = frames[0] % 2 == 0 and frames[0] >= 4
        frames.insert(0, frames[0] // 2 if halves else frames[0])
    return frames
