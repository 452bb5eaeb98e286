"""Which images a convolutional network can make."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ganworks.errors import SettingError

BASE = 4  # resolution of the first feature map of a generator and of the last of a discriminator
MAX_BASE = 15  # of the shorter side of that map; its layers would be too large beyond
MAX_GROWTH = 8  # the widest feature map has so many times the channels of the one at full resolution


def check_image_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Return (channels, resolution) of images that a network of doublings makes, from a smallest map.

    Squares have a side that is a power of two from 8 up, and a smallest map of 4x4. Of a rectangle both sides are a
    smallest map times one power of two, see `base_of`; its resolution is 4 times that power, as if the map were 4x4.

    Raises:
        SettingError: ``shape`` is not that of an image, or ``resolution`` has no such sides.

    >>> check_image_shape((3, 64, 64)), check_image_shape((3, 48, 64)), check_image_shape((3, 32, 128))
    ((3, 64), (3, 32), (3, 32))
    """
    if len(shape) != 3:
        raise SettingError("shape", tuple(shape), "(channels, height, width); model=mlp takes any shape")
    channels, height, width = shape
    doublings = _num_doublings(height, width)
    is_allowed = doublings > 0 and min(height, width) >> doublings <= MAX_BASE
    if height == width:
        check_square_shape(shape)
    elif not is_allowed:
        raise SettingError("resolution", f"{height}x{width}", rectangles(shape))
    return channels, BASE << doublings


def check_square_shape(shape: Sequence[int], what: str = "") -> tuple[int, int]:
    """Return (channels, resolution) of square images whose side is a power of two from 8 up.

    Args:
        what: the network that draws no others, for the error.

    Raises:
        SettingError: ``shape`` is not that of an image, or ``resolution`` has no such side.
    """
    if len(shape) != 3:
        raise SettingError("shape", tuple(shape), "(channels, height, width); model=mlp takes any shape")
    channels, height, width = shape
    if height != width or height < 2 * BASE or height & (height - 1):
        size = height if height == width else f"{height}x{width}"
        allowed = f"a power of two from {2 * BASE} up, the same for height and width{what and f': {what}'}"
        raise SettingError("resolution", size, f"{allowed}; the nearest is {nearest_resolution(shape)}")
    return channels, height


def base_of(shape: Sequence[int]) -> tuple[int, int]:
    """Return (height, width) of the smallest map of images that `check_image_shape` takes.

    >>> base_of((3, 64, 64)), base_of((3, 48, 64)), base_of((3, 32, 128))
    ((4, 4), (6, 8), (4, 16))
    """
    doublings = _num_doublings(*shape[1:])
    return shape[1] >> doublings, shape[2] >> doublings


def map_size(shape: Sequence[int], side: int) -> tuple[int, int]:
    """Return (height, width) of the map that is ``side`` of 4 times as large as the smallest one.

    >>> map_size((3, 64, 64), 16), map_size((3, 48, 64), 16)
    ((16, 16), (24, 32))
    """
    height, width = base_of(shape)
    return height * side // BASE, width * side // BASE


def rectangles(shape: Sequence[int]) -> str:
    """Return in words which rectangles can be made, and the nearest to ``shape``."""
    doublings = max(1, int(math.log2(max(1, min(shape[1:]) / BASE))))
    near = "x".join(str(max(BASE, round(side / 2**doublings)) << doublings) for side in shape[1:])
    return (
        "two sides that are one power of two times whole numbers, the smaller of these from"
        f" {BASE} to {MAX_BASE}, such as 48x64 or 64x96; the nearest is {near}"
    )


def _num_doublings(height: int, width: int) -> int:
    """Return how often both sides can be halved, to 4 or more."""
    doublings = 0
    while height % 2 == width % 2 == 0 and min(height, width) >= 2 * BASE:
        height, width, doublings = height // 2, width // 2, doublings + 1
    return doublings


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
    check_square_shape((channels, height, width))
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
