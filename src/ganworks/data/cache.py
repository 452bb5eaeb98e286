"""Results that are computed once and kept in a folder: made under another name, renamed when complete."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from ganworks.bar import Bar
from ganworks.data.decode import check_header, decode
from ganworks.data.files import FileSamples, ImageFiles
from ganworks.data.samples import Samples, TensorSamples
from ganworks.errors import SettingError, check_range

log = logging.getLogger(__name__)
FORMAT = 1  # raise it when `decode` changes what it returns


class ImageCache:
    """Decoded images in a folder, one subfolder a data set and size, mapped into memory when read.

    Args:
        folder: where the subfolders are.
        limit_gb: a data set whose decoded images are larger is decoded on the fly instead.
        max_corrupt: share of files that may be unreadable; these are named and skipped.

    Raises:
        SettingError: ``cache_limit_gb`` or ``max_corrupt`` is out of range.
    """

    def __init__(self, folder: str | Path, limit_gb: float, max_corrupt: float) -> None:
        self.folder = Path(folder).expanduser()
        self.limit_gb = check_range("cache_limit_gb", limit_gb, 0)
        self.max_corrupt = check_range("max_corrupt", max_corrupt, 0, 1)

    def open(self, files: ImageFiles, resolution: int, channels: int) -> Samples:
        """Return the readable ones of ``files`` as samples, decoding them first if that was not done before.

        Raises:
            SettingError: too many files are unreadable for ``max_corrupt``, or the cache cannot be written.
        """
        key = "images-" + files.fingerprint(FORMAT, resolution, channels)
        size = len(files) * channels * resolution**2
        if not self._fits(size, (self.folder / key).exists()):
            log.info("%s: %.1f GB of images do not fit the cache: decoded on the fly", files.root, size / 1e9)
            done = self._cached("headers-" + files.fingerprint(FORMAT), partial(check_all, files))
            return FileSamples(self._without_corrupt(files, done), resolution, channels)
        done = self._cached(key, partial(decode_all, files, resolution, channels))
        readable = self._without_corrupt(files, done)
        shape = (len(readable), channels, resolution, resolution)
        return TensorSamples(_map(done / "images.bin", shape), readable.labels)

    def _fits(self, size: int, is_there: bool) -> bool:
        folders = (self.folder.absolute(), *self.folder.absolute().parents)
        disk = next(path for path in folders if path.exists())
        return size <= self.limit_gb * 1e9 and (is_there or size < shutil.disk_usage(disk).free)

    def _cached(self, key: str, build: Callable[[Path], None]) -> Path:
        done, partly = self.folder / key, self.folder / f"{key}.partial"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / f"{key}.lock"):  # other processes wait for the one that builds
                if not done.exists():
                    shutil.rmtree(partly, ignore_errors=True)
                    partly.mkdir()
                    build(partly)
                    partly.rename(done)
        except OSError as error:
            raise SettingError("cache", self.folder, f"a folder that can be written ({error})") from error
        return done

    def _without_corrupt(self, files: ImageFiles, done: Path) -> ImageFiles:
        corrupt: dict[str, str] = json.loads((done / "corrupt.json").read_text())
        if not corrupt:
            return files
        told = "; ".join(f"{name} ({reason})" for name, reason in list(corrupt.items())[:5])
        told += f"; {len(corrupt) - 5} more in {done / 'corrupt.json'}" if len(corrupt) > 5 else ""
        if len(corrupt) == len(files):
            allowed = f"a folder with readable images; none of its {len(files)} is: {told}"
            raise SettingError("root", files.root, allowed)
        share, count = len(corrupt) / len(files), f"{len(corrupt)} of {len(files)} images cannot be read"
        if share > self.max_corrupt:
            raise SettingError("max_corrupt", self.max_corrupt, f"at least {share:.3g} here: {count}: {told}")
        log.warning("%s: %s and are skipped: %s", files.root, count, told)
        return files.only([index for index, name in enumerate(files.names) if name not in corrupt])


def decode_all(files: ImageFiles, resolution: int, channels: int, folder: Path) -> None:
    """Write the readable images to ``images.bin``, one after the other, the others to ``corrupt.json``."""
    corrupt = {}
    with (folder / "images.bin").open("wb") as file:
        for name, image in _in_threads(files, partial(decode, resolution=resolution, channels=channels)):
            if isinstance(image, Tensor):
                file.write(image.numpy().data)
            else:
                corrupt[name] = image
    (folder / "corrupt.json").write_text(json.dumps(corrupt, indent=1))


def check_all(files: ImageFiles, folder: Path) -> None:
    """Open every file as far as its header, and write those that fail to ``corrupt.json``."""
    corrupt = {name: reason for name, reason in _in_threads(files, check_header) if reason is not None}
    (folder / "corrupt.json").write_text(json.dumps(corrupt, indent=1))


def _in_threads(
    files: ImageFiles, read: Callable[[Path], Tensor | None]
) -> Iterator[tuple[str, Tensor | str | None]]:
    """Yield (name, what ``read`` returned, or why it failed) in order; Pillow decodes without the GIL."""

    def attempt(index: int) -> Tensor | str | None:
        path = files.path(index)
        try:
            return read(path)
        except Exception as error:
            return str(error).replace(f" {str(path)!r}", "") or type(error).__name__

    with ThreadPoolExecutor() as pool, Bar(f"Reading {files.root.name}", len(files)) as bar:
        for start in range(0, len(files), 512):
            chunk = range(start, min(start + 512, len(files)))
            for index, result in zip(chunk, pool.map(attempt, chunk), strict=True):
                yield files.names[index], result
                bar.advance()


def _map(path: Path, shape: Sequence[int]) -> Tensor:
    # Copy-on-write: pages are read when needed, and the file cannot be changed by mistake.
    return torch.from_numpy(np.memmap(path, np.uint8, mode="c", shape=tuple(shape)))
