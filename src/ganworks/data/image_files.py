"""Image files as a data module: read through the cache or on the fly, their classes and their range settled."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ganworks.data.base import ImageDataModule
from ganworks.data.cache import ImageCache, Opened
from ganworks.data.class_names import settle_classes
from ganworks.data.files import ImageFiles, label_by_folder
from ganworks.data.labels import unlabelled
from ganworks.data.loader import BatchLoader
from ganworks.data.on_the_fly import FileLoader, FileSamples
from ganworks.data.order import KeyedOrder
from ganworks.data.record import differences, hash_of, record_of
from ganworks.data.sample_format import CROP, FIRST, MAX_PIXELS, WHITE, SampleFormat
from ganworks.data.samples import Samples
from ganworks.data.value_range import DTYPE, Range, check_value_range
from ganworks.errors import SettingError, check_choice, check_count

log = logging.getLogger(__name__)

CHANGED = ("error", "accept")


class FilesDataModule(ImageDataModule):
    """Image files: decoded once into a cache when they fit, by worker processes on the fly otherwise.

    A subclass says in `find` which they are. How one is read: `ganworks.data.decode.decode`.

    Args:
        cache: folder of the cache.
        cache_limit_gb: largest cache of this data set, in GB of decoded images; 0 always decodes on the fly.
        max_corrupt: share of the files that may be unreadable; they are named and skipped.
        num_workers: processes that decode on the fly.
        value_range: what becomes black to white in images of more than 8 bits: "auto" (one range for all of them, which
            their values say), "dtype" (all that 16 bits can hold, and [0, 1] of floats; what a saved configuration
            without this setting was trained with) or [low, high].
        max_pixels: an image that has more counts as unreadable; the default is Pillow's.
        classes: the names of all classes, in the order of their numbers; None: as `find` numbers them.
        vertical_flip: see `GanDataModule`.
        fit, background, dtype, pages: how a file becomes a sample; see `SampleFormat`. Any number of ``channels``, and
            ``resolution`` may be [height, width].
        changed: whether a checkpoint resumes with other files: "error" or "accept"; None, as in earlier
            configurations, does not look.
        others: see `ImageDataModule`.

    Attributes:
        value_range: the range that was found where it was "auto" and there are such images.

    Raises:
        SettingError: as `ImageDataModule`; a limit out of range; no readable image, or too many unreadable.
    """

    def __init__(
        self,
        batch_size: int,
        resolution: int | Sequence[int],
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
        value_range: str | Sequence[float] = DTYPE,
        max_pixels: int = MAX_PIXELS,
        classes: Sequence[str] | None = None,
        changed: str | None = None,
        vertical_flip: bool = False,
        fit: str = CROP,
        background: str | Sequence[int] = WHITE,
        dtype: str = "uint8",
        pages: str = FIRST,
    ) -> None:
        values = check_value_range(value_range)
        self.how = SampleFormat(resolution, channels, values, max_pixels, fit, background, dtype, pages)
        super().__init__(
            batch_size,
            self.how.size[0],
            channels,
            shape,
            num_classes,
            seed,
            horizontal_flip,
            min_batches,
            vertical_flip=vertical_flip,
            how=self.how,
        )
        self.cache = ImageCache(cache, cache_limit_gb, max_corrupt, max_pixels)
        self.num_workers = check_count("num_workers", num_workers, at_least=0)
        self.value_range: str | Range = values
        self.changed = changed if changed is None else check_choice("changed", changed, CHANGED)
        self.wanted_names = classes
        self._record: dict[str, Any] | None = None

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

    @cached_property
    def opened(self) -> Opened:
        """The readable files, in the cache or to be decoded on the fly."""
        opened = self.cache.open(self.files, self.how)
        if opened.values is not None and isinstance(opened.value_range, tuple):
            low, high = opened.value_range
            log.info("%s: %s: scaled from [%g, %g]", self.files.root, opened.values, low, high)
        self.value_range = self.value_range if opened.value_range is None else opened.value_range
        return opened

    @cached_property
    def labelled(self) -> ImageFiles:
        """The readable files with their labels as they are trained on: in the order of ``classes``."""
        files = self.opened.files
        if self.wanted_classes == 0:
            return unlabelled(files)
        return settle_classes(files, self.wanted_names, self.wanted_classes)

    def load(self) -> Samples:
        """Open the cache, filling it first where that was not done before."""
        what = "numbers a label" if self.files.label_kind == "vector" else "classes"
        if (self.wanted_classes or 0) > self.files.num_classes:
            self.set_classes(self.files.num_classes, what)  # an error, before anything is decoded
        self.set_classes(self.labelled.num_classes, what)
        self.opened.samples.labels = self.labelled.labels
        return self.opened.samples

    def make_loader(self, order: KeyedOrder, passes: int) -> BatchLoader:
        """Return the loader; files that are not in the cache are read by workers."""
        if not isinstance(self.samples, FileSamples):
            return super().make_loader(order, passes)
        settings = self.loader_settings(passes)
        return FileLoader(self.samples, order, **settings, num_workers=self.num_workers)

    @property
    def label_kind(self) -> str:
        """What the files say of their labels: 0 and 1 may be numbers as well as classes."""
        return "none" if self.samples.labels is None else self.files.label_kind

    @property
    def classes(self) -> Sequence[str]:  # type: ignore[override]
        """The names of the classes, where they have names."""
        return () if self.samples.labels is None else self.labelled.classes

    @property
    def settled(self) -> dict[str, Any]:
        """The names of the classes and the range of values, where the files have told them."""
        settled: dict[str, Any] = {"classes": list(self.classes)} if self.classes else {}
        if isinstance(self.value_range, tuple):
            settled["value_range"] = list(self.value_range)
        return settled

    def describe(self) -> dict[str, Any]:
        """Return what summary.json says of the data: also how its values are scaled, and what was replaced."""
        range_said = list(self.value_range) if isinstance(self.value_range, tuple) else self.value_range
        replaced = self.samples.num_replaced if isinstance(self.samples, FileSamples) else 0
        num_skipped = len(self.files) - len(self.samples)
        said = {"root": str(self.files.root.absolute()), "value_range": range_said}
        return {**super().describe(), **said, "num_skipped": num_skipped, "num_replaced": replaced}

    def state_dict(self) -> dict[str, Any]:
        """Return the loader's position, and which files they are."""
        if self.changed is None:
            return super().state_dict()
        if self._record is None:
            self._record = record_of(self._named())
        return {**super().state_dict(), "record": self._record}

    def check_same(self, state_dict: dict[str, Any]) -> None:
        """Raise `SettingError` where the checkpoint was trained on other files, unless that is accepted."""
        if self.changed is None or "record" not in state_dict:
            return
        if (found := differences(state_dict["record"], self._named())) is None:
            return
        if self.changed == "error":
            allowed = f"accept to go on with other data than the run has seen: in {self.files.root} {found}"
            raise SettingError("changed", self.changed, allowed)
        log.warning("%s: other data than the run has seen: %s", self.files.root, found)

    def _named(self) -> ImageFiles:
        """Return all files, with the labels by which those that are read are trained on."""
        return ImageFiles(self.files.root, self.files.names, self.labelled.labels)

    def _hash(self) -> str:
        value_range = self.opened.value_range
        how: list[Any] = ["range", *value_range] if isinstance(value_range, tuple) else []
        how += self.how.extra_key
        return self.files.fingerprint("reference", self.shape, *self._label_hash(), *how)

    def _label_hash(self) -> list[str]:
        """Return a hash of labels that names of files alone do not tell.

        Subfolders in the order of text are left out, so that statistics of earlier runs stay what they are.
        """
        labels, told = self.files.labels, label_by_folder(self.files, str).labels
        is_told = labels is None or (told is not None and torch.equal(labels, told))
        order = [] if list(self.classes) in ([], list(self.files.classes)) else [*self.classes]
        return [] if is_told and not order else [str(hash_of(labels)), *order]
