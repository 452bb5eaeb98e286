"""The images of a data set, decoded once and kept in a folder."""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganworks.data import entry
from ganworks.data.decode import decode
from ganworks.data.files import ImageFiles
from ganworks.data.on_the_fly import FileSamples
from ganworks.data.open_image import File
from ganworks.data.sample_format import MAX_PIXELS, SampleFormat
from ganworks.data.samples import Samples, TensorSamples
from ganworks.data.survey import TOO_LARGE, Survey, in_threads, write_survey
from ganworks.data.value_range import AUTO, Range, Values
from ganworks.errors import SettingError, check_count, check_range

log = logging.getLogger(__name__)
FORMAT = 1  # raise it when `decode` changes what it returns


@dataclass(frozen=True)
class Opened:
    """A data set as it is read.

    Args:
        samples: the images.
        files: those of them that can be read.
        value_range: what becomes black to white in those of more than 8 bits.
        values: of those, where the range was looked for.
    """

    samples: Samples
    files: ImageFiles
    value_range: Range | str | None
    values: Values | None = None


class ImageCache:
    """Decoded images in a folder, one subfolder a data set and size, mapped into memory when read.

    Args:
        folder: where the subfolders are.
        limit_gb: a data set whose decoded images are larger is decoded on the fly instead.
        max_corrupt: share of files that may be unreadable; these are named and skipped.
        max_pixels: an image that has more counts as unreadable.

    Raises:
        SettingError: ``cache_limit_gb``, ``max_corrupt`` or ``max_pixels`` is out of range.
    """

    def __init__(
        self, folder: str | Path, limit_gb: float, max_corrupt: float, max_pixels: int = MAX_PIXELS
    ) -> None:
        self.folder = Path(folder).expanduser()
        self.limit_gb = check_range("cache_limit_gb", limit_gb, 0)
        self.max_corrupt = check_range("max_corrupt", max_corrupt, 0, 1)
        self.max_pixels = check_count("max_pixels", max_pixels)

    def open(self, files: ImageFiles, how: SampleFormat) -> Opened:
        """Return the readable ones of ``files`` as samples, decoding them first if that was not done before.

        Args:
            how: they become samples. A range "auto" is looked for in all files, and is "auto" still where none needs
                it; `max_pixels` is that of the cache.

        Raises:
            SettingError: too many files are unreadable for ``max_corrupt``, or the cache cannot be written.
        """
        seen, values, how = None, None, replace(how, max_pixels=self.max_pixels)
        if how.value_range == AUTO:
            seen = self._survey(files, False, False, how.is_deep, how.num_pages)
            values = seen.values
            how = replace(how, value_range=AUTO if values is None else values.range)
        key, size = "images-" + files.fingerprint(FORMAT, *how.key), how.num_bytes
        if not self._fits(len(files) * size, (self.folder / key).exists()):
            gigabytes = len(files) * size / 1e9
            log.info("%s: %.1f GB of images do not fit the cache: decoded on the fly", files.root, gigabytes)
            # Where no image has more than 8 bits, headers alone were looked at, and need no second look.
            survey = self._survey(files, has_range=True, is_tried=True, known=None if values else seen)
            self._check_tried(files, survey)
            readable = self.without_corrupt(files, survey.corrupt)
            return Opened(FileSamples(readable, how, self.max_corrupt), readable, how.value_range, values)
        build = partial(decode_all, files, how)
        done = self.keep(key, build, lambda folder: find_fault(folder, len(files), size))
        readable = self.without_corrupt(
            files, json.loads((done / "corrupt.json").read_text(encoding="utf-8")), done
        )
        images = map_file(done / "images.bin", how.torch_dtype, (len(readable), *how.shape))
        return Opened(TensorSamples(images, readable.labels), readable, how.value_range, values)

    def values(self, files: ImageFiles, has_colour: bool = False, num_pages: int = 1) -> Values | None:
        """Return the values of those of ``files`` that have more than 8 bits; None where none has.

        Args:
            has_colour, num_pages: see `deep_values`.
        """
        return self._survey(files, False, False, has_colour, num_pages).values

    def _survey(
        self,
        files: ImageFiles,
        has_range: bool,
        is_tried: bool,
        has_colour: bool = False,
        num_pages: int = 1,
        known: Survey | None = None,
    ) -> Survey:
        how = has_range, is_tried, has_colour, num_pages, known
        beyond = [*["colour"] * has_colour, *[num_pages] * (num_pages > 1)]  # nothing, as it always was
        key = "survey-" + files.fingerprint(FORMAT, self.max_pixels, has_range, is_tried, *beyond)
        build = partial(write_survey, files, self.max_pixels, *how)
        return Survey.load(self.keep(key, build, lambda folder: "it has no checksums"))

    def _fits(self, size: int, is_there: bool) -> bool:
        folders = (self.folder.absolute(), *self.folder.absolute().parents)
        disk = next(path for path in folders if path.exists())
        return size <= self.limit_gb * 1e9 and (is_there or size < shutil.disk_usage(disk).free)

    def keep(self, key: str, build: Callable[[Path], None], fault: Callable[[Path], str | None]) -> Path:
        """Return the folder ``key``, which ``build`` fills where it is not there or is damaged: `entry.keep`."""
        try:
            return entry.keep(self.folder, key, build, fault)
        except OSError as error:
            raise SettingError("cache", self.folder, f"a folder that can be written ({error})") from error

    def without_corrupt(
        self, files: ImageFiles, corrupt: dict[str, str], done: Path | None = None, what: str = "images"
    ) -> ImageFiles:
        """Return the readable files; say which the others are, and where they are all listed."""
        if not corrupt:
            return files
        told = "; ".join(f"{name} ({reason})" for name, reason in list(corrupt.items())[:5])
        where = "" if done is None else f" in {done / 'corrupt.json'}"
        told += f"; {len(corrupt) - 5} more{where}" if len(corrupt) > 5 else ""
        if len(corrupt) == len(files):
            allowed = f"a folder with readable {what}; none of its {len(files)} is: {told}"
            raise SettingError("root", files.root, allowed)
        num_large = sum(reason.endswith(TOO_LARGE) for reason in corrupt.values())
        parts = [f"{len(corrupt) - num_large} of {len(files)} {what} cannot be read"] * (
            num_large < len(corrupt)
        )
        parts += [
            f"{num_large} of {len(files)} {what} have more pixels than data.max_pixels={self.max_pixels}"
        ] * bool(num_large)
        share, count = len(corrupt) / len(files), " and ".join(parts)
        if share > self.max_corrupt:
            raise SettingError("max_corrupt", self.max_corrupt, f"at least {share:.3g} here: {count}: {told}")
        log.warning("%s: %s and are skipped: %s", files.root, count, told)
        return files.only([index for index, name in enumerate(files.names) if name not in corrupt])

    def _check_tried(self, files: ImageFiles, survey: Survey) -> None:
        """Raise `SettingError` where too many of the files that were read to their end are cut off."""
        num, share = survey.num_tried, self.max_corrupt
        margin = 3 * math.sqrt(num * share * (1 - share))  # standard deviations of the draw
        if num < len(files) and survey.num_cut > num * share + margin:
            told = f"{survey.num_cut} of {num} images that were tried cannot be read"
            allowed = f"about {survey.num_cut / num:.2g} here: {told}, such as {next(iter(survey.corrupt))}"
            raise SettingError("max_corrupt", self.max_corrupt, allowed)


def decode_all(files: ImageFiles, how: SampleFormat, folder: Path) -> None:
    """Write the readable images to ``images.bin``, one after the other, the others to ``corrupt.json``."""
    corrupt = {}

    def read(index: int, file: File) -> Tensor:
        return decode(file, how)

    with (folder / "images.bin").open("wb") as file:
        for name, image in in_threads(files, read):
            if isinstance(image, Tensor):
                file.write(image.numpy().data)
            else:
                corrupt[name] = image
    (folder / "corrupt.json").write_text(json.dumps(corrupt, indent=1), encoding="utf-8")


def find_fault(folder: Path, num: int, size: int) -> str | None:
    """Return what is wrong with a folder without checksums, of ``num`` files of ``size`` bytes; None if nothing is."""
    corrupt = json.loads((folder / "corrupt.json").read_text(encoding="utf-8"))
    expected, found = (num - len(corrupt)) * size, (folder / "images.bin").stat().st_size
    return None if found == expected else f"images.bin has {found:,} bytes of {expected:,}"


def map_file(path: Path, dtype: torch.dtype, shape: Sequence[int]) -> Tensor:
    """Return the numbers of ``shape`` in a file, which is read when they are needed."""
    # Copy-on-write: the file cannot be changed by mistake.
    numbers = torch.empty(0, dtype=dtype).numpy().dtype
    return torch.from_numpy(np.memmap(path, numbers, mode="c", shape=tuple(shape)))
