"""Pixels of more than 8 bits: the range of values that becomes black to white, one for a whole data set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from PIL import Image

from ganworks.errors import SettingError

Range = tuple[float, float]
AUTO, DTYPE = "auto", "dtype"
DTYPE_RANGES: dict[bool, Range] = {False: (0, 65535), True: (0, 1)}  # of integers, of floats
FLOAT_RANGES: tuple[Range, ...] = ((0, 1), (-1, 1), (0, 255))  # what floats mean by custom
LEAST_SHARE = 1 / 8  # of the range of its type that a single image must reach to be read without being told


def is_deep(image: Image.Image) -> bool:
    """Say whether an image has gray values of more than 8 bits: integers of 16 or 32, or floats."""
    return image.mode == "F" or image.mode.startswith("I")


@dataclass(frozen=True)
class Values:
    """The values that occur in images of more than 8 bits.

    Args:
        low, high: the smallest and the largest; NaN and infinity do not count.
        num: how many such images there are.
        kind: how they are stored, in words: "16-bit", "32-bit", "float".
    """

    low: float
    high: float
    num: int = 1
    kind: str = "16-bit"

    @classmethod
    def of(cls, image: Image.Image) -> Values:
        """Return the values of one image.

        Raises:
            ValueError: none of them is finite.
        """
        return cls.of_array(np.asarray(image))

    @classmethod
    def of_array(cls, values: np.ndarray) -> Values:
        """Return the values of an array of integers or floats; raises as `of`."""
        kind = "float" if values.dtype.kind == "f" else "32-bit" if values.dtype.itemsize > 2 else "16-bit"
        if kind == "float":
            values = values[np.isfinite(values)]
        if not values.size:
            raise ValueError("none of its values is finite")
        return cls(float(values.min()), float(values.max()), 1, kind)

    def __or__(self, other: Values) -> Values:
        """Return the values of both."""
        kinds = dict.fromkeys([*self.kind.split(" and "), *other.kind.split(" and ")])
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Values(low, high, self.num + other.num, " and ".join(sorted(kinds)))

    @property
    def range(self) -> Range:
        """The range that they are scaled from: the smallest usual one of which they fill half, or else their own.

        Usual are 0 to 2^bits - 1 for integers, and [0, 1], [-1, 1] and [0, 255] for floats.

        >>> Values(0, 4000).range, Values(-1024, 3071).range, Values(-0.9, 0.8, kind="float").range
        ((0, 4095), (-1024, 3071), (-1, 1))
        """
        usual: Iterable[Range] = FLOAT_RANGES
        if "float" not in self.kind:
            usual = [(0, 2**bits - 1) for bits in range(1, 33)]
        inside = [(low, high) for low, high in usual if low <= self.low and self.high <= high]
        filled = [each for each in inside if self.high - self.low > (each[1] - each[0]) / 2]
        if filled:
            return filled[0]
        if self.high > self.low:
            return plain(self.low), plain(self.high)
        return inside[0] if inside else (plain(self.low), plain(self.low) + 1)

    def __str__(self) -> str:
        images = f"{self.num:,} {self.kind} image{'s' * (self.num != 1)}"
        return f"{images} with values {plain(self.low):g}..{plain(self.high):g}"


def together(values: Iterable[Values | None]) -> Values | None:
    """Return the values of all; None where there are none."""
    there = [each for each in values if each is not None]
    return reduce(Values.__or__, there) if there else None


def check_value_range(value: Any) -> str | Range:
    """Return a setting ``value_range``: "auto", "dtype" or (low, high).

    Raises:
        SettingError: it is none of them.
    """
    if value in (AUTO, DTYPE):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        low, high = value
        if all(type(each) in (int, float) for each in value) and -np.inf < low < high < np.inf:
            return low, high
    choices = [AUTO, DTYPE] if isinstance(value, str) else []
    raise SettingError("value_range", value, "auto, dtype or [low, high] with low < high", choices)


def to_8_bits(image: Image.Image, value_range: Range | str | None) -> Image.Image:
    """Return an image with values of 8 bits; one that has them already stays as it is.

    Args:
        value_range: what becomes 0 and 255; see `scaled`.

    Raises:
        ValueError: as `scaled`.
    """
    if not is_deep(image):
        return image
    return Image.fromarray((scaled(np.asarray(image), value_range) * 255).round().astype(np.uint8))


def scaled(values: np.ndarray, value_range: Range | str | None) -> np.ndarray:
    """Return values of more than 8 bits as levels in [0, 1], float64 of integers.

    Args:
        value_range: (low, high) become 0 and 1, and what is outside is clipped; NaN becomes 0. "dtype", and "auto"
            where no range was found: integers from [0, 65535], floats from [0, 1]. None is "dtype" for values that
            fill this range.

    Raises:
        ValueError: ``value_range`` is None, and the values do not fit that range or leave most of it empty.
    """
    is_float = values.dtype.kind == "f"
    if values.dtype == np.float16:  # whose largest number is below many a range
        values = values.astype(np.float32)
    if value_range is None:
        check_filled(Values.of_array(values), DTYPE_RANGES[is_float])
    low, high = value_range if isinstance(value_range, tuple) else DTYPE_RANGES[is_float]
    if is_float:
        values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    else:
        values = values.astype(np.float64)
    return (values.clip(low, high) - low) / (high - low)


def check_filled(values: Values, expected: Range) -> None:
    """Raise `ValueError` for values that do not fit the range ``expected``, or leave most of it empty."""
    low, high = expected
    if values.low < low or not low + (high - low) * LEAST_SHARE <= values.high <= high:
        raise ValueError(
            f"its values are {plain(values.low):g}..{plain(values.high):g}, which do not fill [{low}, {high}]:"
            " say which value_range=(low, high) becomes black to white"
        )


def plain(value: float) -> float | int:
    """Return whole numbers as integers.

    >>> plain(3.0), plain(0.5)
    (3, 0.5)
    """
    return int(value) if float(value).is_integer() else float(value)
