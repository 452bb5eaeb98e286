"""How a file becomes a sample: the size, the channels, what is done about other proportions, and how many levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import ImageColor

from ganworks.data.value_range import Range
from ganworks.errors import SettingError, check_choice, check_count

MAX_PIXELS = 178_956_970  # where Pillow itself stops, against files made to fill the memory
FITS = CROP, PAD, STRETCH = ("crop", "pad", "stretch")
DTYPES = {"uint8": torch.uint8, "uint16": torch.uint16, "float32": torch.float32}
PAGES = FIRST, STACK = ("first", "stack")
WHITE = (255, 255, 255)
OPACITY = (
    2,
    4,
)  # channels of which the last is opacity, but those of an array, which does not say what they are

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class SampleFormat:
    """How a file becomes a sample (C, H, W); `ganworks.data.decode.decode` does it.

    The defaults are what was done before each of them was a setting.

    Args:
        resolution: height and width in pixels, or both: [height, width]; None where files keep their own.
        channels: 1 gray, 2 gray and opacity, 3 RGB, 4 RGB and opacity; any other number is that of the file.
        fit: an image of other proportions is cropped at the centre (``crop``), made smaller as a whole with
            ``background`` around it (``pad``), or distorted (``stretch``).
        background: what transparency lies on where ``channels`` has none, and what ``pad`` adds: a name, "#rrggbb", or
            [red, green, blue] of 0..255. Kept opacity is 0 in what ``pad`` adds.
        dtype: of the samples: "uint8" (0..255), "uint16" (0..65535) or "float32" ([-1, 1]); see `value_range`.
        pages: of a TIFF file with several gray pages: the "first", or "stack", one a channel, where they are as many
            as ``channels``. For other ``channels`` than 1 and 3 they are stacked in any case.
        value_range: what becomes black to white in images of more than 8 bits; see `scaled`.
        max_pixels: an image that has more is an error.

    Raises:
        SettingError: one of them is what it cannot be.

    >>> SampleFormat([48, 64], 4, fit="pad", background="black").shape
    (4, 48, 64)
    """

    resolution: int | Sequence[int] | None
    channels: int
    value_range: Range | str | None = None
    max_pixels: int = MAX_PIXELS
    fit: str = CROP
    background: str | Sequence[int] = WHITE
    dtype: str = "uint8"
    pages: str = FIRST

    def __post_init__(self) -> None:
        settled = {
            "resolution": None if self.resolution is None else size_of("resolution", self.resolution),
            "channels": check_count("channels", self.channels),
            "max_pixels": check_count("max_pixels", self.max_pixels),
            "fit": check_choice("fit", self.fit, FITS),
            "background": check_colour("background", self.background),
            "dtype": check_choice("dtype", self.dtype, DTYPES),
            "pages": check_choice("pages", self.pages, PAGES),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)  # the dataclass is frozen

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.resolution  # type: ignore[return-value]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return (self.channels, *self.size)

    @property
    def colour(self) -> Colour:
        """The background as red, green, blue of 0..255."""
        return self.background  # type: ignore[return-value]

    @property
    def torch_dtype(self) -> torch.dtype:
        """Of the samples."""
        return DTYPES[self.dtype]

    @property
    def num_bytes(self) -> int:
        """Of a sample."""
        channels, height, width = self.shape
        return channels * height * width * self.torch_dtype.itemsize

    @property
    def is_deep(self) -> bool:
        """Whether samples have more than 8 bits."""
        return self.dtype != "uint8"

    @property
    def stacks_pages(self) -> bool:
        """Whether the pages of a file are its channels."""
        return self.channels > 1 and (self.pages == STACK or self.channels != 3)

    @property
    def num_pages(self) -> int:
        """How many pages of a file are read together."""
        return self.channels if self.stacks_pages else 1

    @property
    def key(self) -> list[Any]:
        """What tells decoded images apart, in plain types: what is as it always was adds nothing."""
        height, width = self.size
        side = height if height == width else [height, width]
        values = [("range", *self.value_range)] if isinstance(self.value_range, tuple) else []
        pixels = [("pixels", self.max_pixels)] * (self.max_pixels != MAX_PIXELS)
        return [side, self.channels, *values, *pixels, *self.extra_key]

    @property
    def extra_key(self) -> list[Any]:
        """Of `key`, what says more than size, channels, range and pixels."""
        usual = {"fit": CROP, "background": WHITE, "dtype": "uint8", "pages": FIRST}
        return [(name, getattr(self, name)) for name, value in usual.items() if getattr(self, name) != value]


def size_of(setting: str, resolution: int | Sequence[int]) -> tuple[int, int]:
    """Return (height, width) of a side, or of both.

    >>> size_of("resolution", 256), size_of("resolution", [128, 256])
    ((256, 256), (128, 256))
    """
    sides = list(resolution) if isinstance(resolution, Sequence) else [resolution, resolution]
    if isinstance(resolution, str) or len(sides) != 2:
        raise SettingError(setting, resolution, "a side in pixels, or [height, width]")
    height, width = (check_count(setting, side) for side in sides)
    return height, width


def parse_resolution(setting: str, text: str | int) -> tuple[int, int]:
    """Return (height, width) of what a command line says: a side, HEIGHTxWIDTH, or [HEIGHT, WIDTH].

    >>> parse_resolution("resolution", "256"), parse_resolution("resolution", "48x64")
    ((256, 256), (48, 64))
    """
    sides = str(text).strip("[]() ").replace("x", ",").split(",")
    if len(sides) > 2 or not all(side.strip().isdecimal() for side in sides):
        raise SettingError(setting, text, "a side in pixels, or HEIGHTxWIDTH such as 48x64")
    return size_of(setting, [int(side) for side in (sides if len(sides) == 2 else 2 * sides)])


def check_colour(setting: str, colour: str | Sequence[int]) -> Colour:
    """Return a colour as (red, green, blue) of 0..255.

    Raises:
        SettingError: it is none.

    >>> check_colour("background", "black"), check_colour("background", "#ff8000")
    ((0, 0, 0), (255, 128, 0))
    """
    allowed = "the name of a colour, #rrggbb, or [red, green, blue] of 0 to 255"
    if isinstance(colour, str):
        return _named_colour(setting, colour, allowed)
    if isinstance(colour, Sequence) and len(colour) == 3:
        red, green, blue = (each for each in colour if isinstance(each, int))
        if all(type(each) is int and 0 <= each <= 255 for each in colour):
            return red, green, blue
    raise SettingError(setting, colour, allowed)


def _named_colour(setting: str, colour: str, allowed: str) -> Colour:
    try:
        return ImageColor.getrgb(colour)[:3]
    except ValueError:
        raise SettingError(setting, colour, allowed, ImageColor.colormap) from None
