"""A user's own images, of any size and mode."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch

from ganworks.data.base import ImageDataModule
from ganworks.data.cache import ImageCache
from ganworks.data.files import FileSamples, ImageFiles, find_images, label_by_folder
from ganworks.data.labels import AS_TEXT, unlabelled, with_labels
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
        files = self.files
        self.set_classes(files.num_classes, "numbers a label" if files.label_kind == "vector" else "classes")
        return self.cache.open(self.files, self.resolution, self.channels)

    def make_loader(self, order: KeyedOrder, passes: int) -> BatchLoader:
        """Return the loader; files that are not in the cache are read by workers."""
        if not isinstance(self.samples, FileSamples):
            return super().make_loader(order, passes)
        return WorkerLoader(
            self.samples, order, self.horizontal_flip, passes, self._device(), num_workers=self.num_workers
        )

    @property
    def label_kind(self) -> str:
        """What the files say of their labels: 0 and 1 may be numbers as well as classes."""
        return "none" if self.samples.labels is None else self.files.label_kind

    @property
    def classes(self) -> Sequence[str]:  # type: ignore[override]
        """The names of the classes, where they have names."""
        return () if self.samples.labels is None else self.files.classes

    def _hash(self) -> str:
        return self.files.fingerprint("reference", self.shape, *self._label_hash())

    def _label_hash(self) -> list[str]:
        """Return a hash of labels that names of files alone do not tell.

        Subfolders in the order of text are left out, so that statistics of earlier runs stay what they are.
        """
        labels, told = self.files.labels, label_by_folder(self.files, str).labels
        if labels is None or (told is not None and torch.equal(labels, told)):
            return []
        return [hashlib.blake2b(labels.contiguous().numpy().data, digest_size=16).hexdigest()]


class Folder(FilesDataModule):
    """The images under ``root``, nested as they may be, with the labels that a file or their subfolders say.

    Args:
        root: the folder.
        num_classes: None takes what the labels say, their number of classes or of numbers; 0 leaves labels out.
        label: "class", "multi" or "vector"; None: what the labels look like. See `with_labels`.
        label_source: "auto" (a label file in ``root``, or else the subfolders), the name of a label file, "folders", or
            "folders_as_text", which numbers the classes in the order of text. That is the default because it is what
            a saved configuration without this setting was trained with.
        others: see `FilesDataModule`.

    Raises:
        SettingError: ``root`` is no folder, has no images, or has not the labels that are asked for; see
            `FilesDataModule` too.
        GanworksError: a wrong row of a label file.
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
        label: str | None = None,
        label_source: str = AS_TEXT,
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
        self.root, self.label, self.label_source = root, label, label_source

    def find(self) -> ImageFiles:
        """Find the images under ``root``, and their labels unless they are left out."""
        files = find_images(self.root)
        if self.wanted_classes == 0:
            return unlabelled(files)
        return with_labels(files, self.label_source, self.label)
