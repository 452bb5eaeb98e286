"""A look at all files before they are read: which cannot be, and which values those of more than 8 bits have."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import UnidentifiedImageError

from ganworks.bar import Bar
from ganworks.data.blob import Source, open_blob
from ganworks.data.files import ImageFiles
from ganworks.data.open_image import (
    File,
    TooManyPixelsError,
    is_array,
    open_array,
    open_image,
    read_unidentified,
)
from ganworks.data.planes import deep_values, is_deep_colour
from ganworks.data.value_range import Values, together
from ganworks.noise import keyed_rng

log = logging.getLogger(__name__)

T = TypeVar("T")
FILE = "survey.json"
NUM_TRIED = 256  # files that are read to their end before they are decoded on the fly
NUM_TASKS = 64  # at a time, more than there are threads
TOO_LARGE = "data.max_pixels allows no more"
LEAST_HIGH = 128  # of the upper byte of 16-bit colour: below, levels are lost


@dataclass(frozen=True)
class Survey:
    """What was seen of a set of files.

    Args:
        corrupt: why a file cannot be read, by name.
        values: of the images of more than 8 bits; None where there are none, or nobody asked.
        num_tried, num_cut: files that were read to their end, and those of them whose end is missing.
    """

    corrupt: dict[str, str] = field(default_factory=dict)
    values: Values | None = None
    num_tried: int = 0
    num_cut: int = 0

    @classmethod
    def load(cls, folder: Path) -> Survey:
        """Read what `write_survey` wrote."""
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        values = content.pop("values")
        return cls(**content, values=None if values is None else Values(**values))


def write_survey(
    files: ImageFiles,
    max_pixels: int,
    has_range: bool,
    is_tried: bool,
    has_colour: bool,
    num_pages: int,
    known: Survey | None,
    folder: Path,
) -> None:
    """Look at every file and write a `Survey` to ``folder``.

    Args:
        has_range: the range of values is known, so that headers are enough.
        is_tried: read some files to their end, for those that will be decoded on the fly.
        has_colour, num_pages: see `deep_values`.
        known: of an earlier look at all headers, so that only the files that are read to their end are left.
    """
    tried = sorted(tried_of(len(files))) if is_tried else []
    rows = range(len(files)) if known is None else tried
    is_last = set(tried).__contains__
    found = in_threads(
        files if known is None else files.only(rows),
        lambda index, path: look(path, max_pixels, has_range, is_last(rows[index]), has_colour, num_pages),
    )
    corrupt, values, cut, highs = dict(known.corrupt if known else {}), [], 0, []
    for row, (name, seen) in zip(rows, found, strict=True):
        if isinstance(seen, str):
            corrupt[name] = seen
            cut += is_last(row)
        elif isinstance(seen, Values):
            values.append(seen)
        elif isinstance(seen, int):
            highs.append(seen)
    if highs and max(highs) < LEAST_HIGH:
        log.warning(
            "%s: %s colour images have 16 bits, of which only the upper 8 are read, and those reach %d of 255:"
            " bring the files to 8 bits first",
            *(files.root, f"{len(highs):,}", max(highs)),
        )
    whole = together(values)
    content = {"corrupt": corrupt, "values": None if whole is None else asdict(whole)}
    (folder / FILE).write_text(
        json.dumps({**content, "num_tried": len(tried), "num_cut": cut}, indent=1), encoding="utf-8"
    )


def look(
    path: File,
    max_pixels: int,
    has_range: bool = False,
    is_tried: bool = False,
    has_colour: bool = False,
    num_pages: int = 1,
) -> Values | int | None:
    """Return the values of an image of more than 8 bits, or the largest upper byte of one of 16-bit colour."""
    if is_array(path):
        return values_of_array(open_array(path, max_pixels))
    try:
        with open_image(path, max_pixels) as file:
            values = None if has_range else deep_values(file, has_colour, num_pages)
            if values is not None:
                return Values.of_array(values)
            if not has_range and is_deep_colour(file):
                return int(np.asarray(file).max())
            if is_tried:
                file.draft(None, (3, 3))  # a JPEG is read to its end at an eighth of its size
                file.load()
    except UnidentifiedImageError as error:
        return values_of_array(read_unidentified(path, max_pixels, error))
    return None


def values_of_array(array: np.ndarray) -> Values | None:
    """Return the values of an array; None where its type says what is black and white."""
    return None if array.dtype in (bool, np.uint8) else Values.of_array(array)


def tried_of(num: int) -> list[int]:
    """Return the numbers of the files that are read to their end: all of a small set, else a fair draw."""
    return torch.randperm(num, generator=keyed_rng("tried"))[:NUM_TRIED].tolist()


def in_threads(
    files: ImageFiles, read: Callable[[int, File], T], chunk: int = 512
) -> Iterator[tuple[str, T | str]]:
    """Yield (name, what ``read`` returned, or why it failed) in order; Pillow decodes without the GIL.

    Args:
        chunk: files that are read ahead, and in memory at a time.
    """

    def attempt(index: int) -> T | str:
        path = files.path(index)
        try:
            return read(index, open_blob(path))
        except Exception as error:
            return reason(error, path)

    def attempts(numbers: range) -> list[T | str]:
        return [attempt(index) for index in numbers]

    # Several files a task: to hand a task to a thread and back takes longer than to look at a header.
    step = max(1, chunk // NUM_TASKS)
    with ThreadPoolExecutor() as pool, Bar(f"Reading {files.root.name}", len(files)) as bar:
        for start in range(0, len(files), chunk):
            numbers = range(start, min(start + chunk, len(files)))
            tasks = [numbers[first : first + step] for first in range(0, len(numbers), step)]
            for task, results in zip(tasks, pool.map(attempts, tasks), strict=True):
                yield from zip((files.names[index] for index in task), results, strict=True)
                bar.advance(len(task))


def reason(error: Exception, path: Source) -> str:
    """Return why a file cannot be read, without its path."""
    text = str(error).replace(f" {str(path)!r}", "").replace(f": {str(path)!r}", "")
    text = text.splitlines()[0] if text else type(error).__name__
    return f"{text}: {TOO_LARGE}" if isinstance(error, TooManyPixelsError) else text
