"""A user's own images, of any size and mode."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from ganworks.data.base import ImageDataModule
from ganworks.data.cache import ImageCache
from ganworks.data.files import FileSamples, ImageFiles, find_images
from ganworks.data.loader import BatchLoader, WorkerLoader
from ganworks.data.order import KeyedOrder
from ganworks.data.samples import Samples
from ganworks.errors import check_count


class FilesDataModule(ImageDataModule):
    """Image files: decoded once into a cache when they fit, by worker processes on the fly otherwise.

    A subclass says in `find` which they are. How one is read: `ganworks.data.decode.decode`.

    Args:
        cache: folder of the cache.
        cache_limit_gb: largest cache of this data set, in GB of decoded images; 0 always decodes on the fly.
        max_corrupt: share of the files that may be unreadable; they are named and skipped.
        num_workers: processes that decode on the fly.
        others: see `ImageDataModule`.

    Raises:
        SettingError: as `ImageDataModule`; a limit out of range; no readable image, or too many unreadable.
    """

    def __init__(
        self,
        batch_size: int,
        resolution: int,
        channels: int,
        shape: Sequence[int] | None,
        num_classes: int | None,
        seed: int,
        horizontal_flip: bool,
        min_batches: int,
        cache: str | Path,
        cache_limit_gb: float,
        max_corrupt: float,
        num_workers: int,
    ) -> None:
        super().__init__(
            batch_size, resolution, channels, shape, num_classes, seed, horizontal_flip, min_batches
        )
        self.cache = ImageCache(cache, cache_limit_gb, max_corrupt)
        self.num_workers = check_count("num_workers", num_workers, at_least=0)

    @abstractmethod
    def find(self) -> ImageFiles:
        """Find the files; called once, in `prepare_data` where that runs."""

    @cached_property
    def files(self) -> ImageFiles:
        """The files, readable or not."""
        return self.find()

    def prepare_data(self) -> None:
        """Find the files and fill the cache; other processes then only open it."""
        self.setup()

    def load(self) -> Samples:
        """Open the cache, filling it first where that was not done before."""
        self.set_classes(len(self.files.classes))
        return self.cache.open(self.files, self.resolution, self.channels)

    def make_loader(self, order: KeyedOrder, passes: int) -> BatchLoader:
        """Return the loader; files that are not in the cache are read by workers."""
        if not isinstance(self.samples, FileSamples):
            return super().make_loader(order, passes)
        return WorkerLoader(
            self.samples, order, self.horizontal_flip, passes, self._device(), num_workers=self.num_workers
        )

    def _hash(self) -> str:
        return self.files.fingerprint("reference", self.shape)


class Folder(FilesDataModule):
    """The images under ``root``, nested as they may be; subfolders are classes when every image is in one.

    Args:
        root: the folder.
        num_classes: None takes what the subfolders say, 0 leaves labels out.
        others: see `FilesDataModule`.

    Raises:
        SettingError: ``root`` is no folder, or has no images; see `FilesDataModule` too.
    """

    name = "folder"

    def __init__(
        self,
        root: str | Path | None,
        batch_size: int = 64,
        resolution: int = 64,
        channels: int = 3,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        seed: int = 0,
        horizontal_flip: bool = False,
        min_batches: int = 1,
        cache: str | Path = "cache",
        cache_limit_gb: float = 32.0,
        max_corrupt: float = 0.1,
        num_workers: int = 4,
    ) -> None:
        super().__init__(
            batch_size,
            resolution,
            channels,
            shape,
            num_classes,
            seed,
            horizontal_flip,
            min_batches,
            cache,
            cache_limit_gb,
            max_corrupt,
            num_workers,
        )
        self.root = root

    def find(self) -> ImageFiles:
        """Find the images under ``root``."""
        return find_images(self.root)
