"""Images of a user's own that are decoded once, whole data sets of them, and kept as bytes in the cache."""

from __future__ import annotations

import logging
import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganworks.data import entry
from ganworks.data.base import GanDataModule
from ganworks.data.cache import ImageCache, map_file
from ganworks.data.files import ImageFiles
from ganworks.data.sample_format import SampleFormat
from ganworks.data.survey import in_threads
from ganworks.data.value_range import AUTO, Range, check_value_range
from ganworks.errors import GanworksError, SettingError, check_range

log = logging.getLogger(__name__)

FILE = "pairs.bin"


class KeptImages(GanDataModule):
    """What data modules have in common whose images are kept in the cache, all of their files read in one way.

    A subclass calls `keep_in` when it is made and says in `training_files` where the range of values is looked for.
    """

    how: SampleFormat  # files become samples; a subclass sets it before this class is made

    def keep_in(self, cache: str | Path, cache_limit_gb: float) -> None:
        """Take the settings of the cache; raise `SettingError` for what they cannot be."""
        self.cache = Path(cache).expanduser()
        self.cache_limit_gb = check_range("cache_limit_gb", cache_limit_gb, 0)

    def format_of(self, size: tuple[int, int] | None, channels: int) -> SampleFormat:
        """Return how files become samples of another size, or of other channels, scaled from `range`."""
        return replace(self.how, resolution=size, channels=channels, value_range=self.range)

    @abstractmethod
    def training_files(self) -> ImageFiles:
        """Return all files that are trained on, of both sides."""

    @cached_property
    def range(self) -> str | Range:
        """What becomes black to white in images of more than 8 bits; where it is "auto", what their values say.

        "auto" is left where there are no such images.
        """
        if self.how.value_range != AUTO:
            return check_value_range(self.how.value_range)
        files = self.training_files()
        cache = ImageCache(self.cache, 0, 1, self.how.max_pixels)
        values = cache.values(files, self.how.is_deep, self.how.num_pages)
        if values is None:
            return AUTO
        log.info("%s: %s: scaled from [%g, %g]", files.root, values, *values.range)
        return values.range

    @property
    def range_key(self) -> list[object]:
        """What range and format add to the key of decoded images: nothing where it is as it always was."""
        values: list[object] = ["range", *self.range] if isinstance(self.range, tuple) else []
        return [*values, *self.how.extra_key]

    @property
    def settled(self) -> dict[str, Any]:
        """The range of values, where the files have told it."""
        return {"value_range": list(self.range)} if isinstance(self.range, tuple) else {}

    def describe(self) -> dict[str, Any]:
        """Return what summary.json says of the data: also how its values are scaled."""
        said = list(self.range) if isinstance(self.range, tuple) else self.range
        return {**super().describe(), "value_range": said}


def write_all(
    files: ImageFiles,
    read: Callable[[int, Path], Tensor],
    folder: Path,
    say: Callable[[str, str], str] | None = None,
) -> None:
    """Write what ``read`` returns for each file to ``folder``, one after the other.

    Args:
        say: from a file and the reason why it cannot be read to the words of the error.

    Raises:
        GanworksError: a file cannot be read; names it.
    """
    with (folder / FILE).open("wb") as file:
        for name, images in in_threads(files, read):
            if isinstance(images, str):
                path = str(files.root / name)
                raise GanworksError(f"{path} cannot be read: {images}" if say is None else say(path, images))
            file.write(images.numpy().data)


def open_kept(
    cache: Path,
    limit_gb: float,
    key: str,
    shape: Sequence[int],
    write: Callable[[Path], None],
    dtype: torch.dtype = torch.uint8,
) -> Tensor:
    """Return numbers of ``shape`` (N, C, H, W) from the folder ``key`` of the cache, which ``write`` fills at first.

    Raises:
        SettingError: they are too many for the cache, or it cannot be written.
        GanworksError: ``write`` wrote more or less than that.
    """
    size = math.prod(shape) * dtype.itemsize
    if (gigabytes := size / 1e9) > limit_gb:
        allowed = f"at least {gigabytes:.3g}, for {shape[0]:,} samples of {shape[2]}x{shape[3]}"
        raise SettingError("cache_limit_gb", limit_gb, allowed)

    def write_checked(folder: Path) -> None:
        write(folder)
        if (found := (folder / FILE).stat().st_size) != size:
            raise GanworksError(f"the decoded images have {found:,} bytes, and {size:,} were expected")

    try:
        done = entry.keep(cache, key, write_checked, lambda _: "it has no checksums")
    except OSError as error:
        raise SettingError("cache", cache, f"a folder that can be written ({error})") from error
    return map_file(done / FILE, dtype, shape)
