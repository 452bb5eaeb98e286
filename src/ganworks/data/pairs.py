"""A user's own pairs of images: a source and what a translator should make of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from ganworks.data.base import GanDataModule, check_shape
from ganworks.data.crops import CropLoader
from ganworks.data.files import ImageFiles
from ganworks.data.kept import KeptImages
from ganworks.data.loader import BatchLoader
from ganworks.data.order import KeyedOrder
from ganworks.data.pair_files import PairDecoder, PairFiles, find_pairs, held_out
from ganworks.data.sample_format import CROP, FIRST, MAX_PIXELS, WHITE, SampleFormat, size_of
from ganworks.data.samples import TensorSamples
from ganworks.data.superres import untranslated
from ganworks.data.value_range import AUTO, check_value_range
from ganworks.errors import SettingError, check_choice, check_count, check_range
from ganworks.sample.kind import Image

log = logging.getLogger(__name__)

DIRECTIONS = ("AtoB", "BtoA")


class PairModule(KeptImages):
    """Pairs of images of one size, ``source`` and ``real``, kept in the cache; metrics measure with a part of its own.

    A subclass says in `find` which they are and in `open` how they are read.

    Args:
        root: the folder.
        batch_size: pairs in a batch of one device.
        resolution: height and width, or both: [height, width].
        channels, source_channels: of ``real`` and ``source``; None takes ``channels``.
        shape: what the networks are built for: (channels, height, width), or None.
        num_classes: 0: pairs have no labels.
        held_out: share of the samples that is kept apart for the metrics where no folder is; 0: they measure with the
            training samples.
        seed, horizontal_flip, min_batches: see `GanDataModule`; source and real are mirrored alike.
        cache, cache_limit_gb: the folder of decoded images, and how many GB of them may come from this data set.
        max_pixels: an image file that has more is an error.
        value_range: what becomes black to white in images of more than 8 bits, one range for both sides: "auto" (what
            the values of the training say), "dtype" or [low, high]; see `FilesDataModule`.
        vertical_flip: see `GanDataModule`; source and real are turned alike.
        fit, background, dtype, pages: how a file becomes a sample; see `SampleFormat`.

    Raises:
        SettingError: a setting that it cannot have; later what is wrong with the files.
    """

    def __init__(
        self,
        root: str | Path | None,
        batch_size: int,
        resolution: int | Sequence[int],
        channels: int,
        source_channels: int | None,
        shape: Sequence[int] | None,
        num_classes: int | None,
        held_out: float,
        seed: int,
        horizontal_flip: bool,
        min_batches: int,
        cache: str | Path,
        cache_limit_gb: float,
        max_pixels: int,
        value_range: str | Sequence[float],
        vertical_flip: bool,
        fit: str,
        background: str | Sequence[int],
        dtype: str,
        pages: str,
    ) -> None:
        values = check_value_range(value_range)
        self.how = SampleFormat(resolution, channels, values, max_pixels, fit, background, dtype, pages)
        self.channels = self.source_channels = self.how.channels
        if source_channels is not None:
            self.source_channels = check_count("source_channels", source_channels)
        self.size = self.how.size
        if num_classes not in (None, 0):
            raise SettingError("num_classes", num_classes, "0: pairs of images have no labels")
        check_shape(shape, self.how.shape, "channels and resolution")
        kind = Image(self.how.dtype)
        super().__init__(
            self.how.shape, 0, batch_size, seed, horizontal_flip, min_batches, kind, vertical_flip
        )
        self.root, self.held_out = root, check_range("held_out", held_out, 0.0, 0.9)
        self.keep_in(cache, cache_limit_gb)

    def baselines(self, num: int, seed: int) -> dict[str, dict[str, Tensor]]:
        """Return the line of the untranslated sources, where they have the channels of the samples."""
        return untranslated(self, num, seed) if self.source_channels == self.channels else {}

    def prepare_data(self) -> None:
        """Find the files and fill the cache; other processes then only open it."""
        self.setup()
        len(self.reference)


class Pairs(PairModule):
    """Pairs of image files in one of the layouts that pix2pix's users have.

    - ``A`` and ``B``: files of equal names (their suffixes may differ), perhaps each with ``train``, ``test``, ``val``;
    - ``trainA`` and ``trainB``, perhaps ``testA`` and ``testB`` or ``valA`` and ``valB``;
    - ``train`` with ``A`` and ``B``, perhaps ``test`` or ``val`` with them;
    - ``train``, perhaps ``test`` or ``val``: files with A and B side by side; or such files alone.

    The test or validation set, or else a share of the training set, is what the metrics measure with. Images are
    brought to the resolution as ``fit`` says.

    Args:
        direction: AtoB: A is the source; BtoA: B is.
        load_resolution: images are read at this size, and ``resolution`` is a random crop of it, the same for both
            (286 for 256 in pix2pix); None: no crops.
        others: see `PairModule`.

    Raises:
        SettingError: see `find_pairs`, `PairDecoder` and `PairModule`.
    """

    name = "pairs"

    def __init__(
        self,
        root: str | Path | None,
        direction: str = "AtoB",
        batch_size: int = 1,
        resolution: int | Sequence[int] = 256,
        load_resolution: int | Sequence[int] | None = None,
        channels: int = 3,
        source_channels: int | None = None,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        held_out: float = 0.1,
        seed: int = 0,
        horizontal_flip: bool = False,
        min_batches: int = 1,
        cache: str | Path = "cache",
        cache_limit_gb: float = 32.0,
        max_pixels: int = MAX_PIXELS,
        value_range: str | Sequence[float] = AUTO,
        vertical_flip: bool = False,
        fit: str = CROP,
        background: str | Sequence[int] = WHITE,
        dtype: str = "uint8",
        pages: str = FIRST,
    ) -> None:
        super().__init__(
            root,
            batch_size,
            resolution,
            channels,
            source_channels,
            shape,
            num_classes,
            held_out,
            seed,
            horizontal_flip,
            min_batches,
            cache,
            cache_limit_gb,
            max_pixels,
            value_range,
            vertical_flip,
            fit,
            background,
            dtype,
            pages,
        )
        self.direction = check_choice("direction", direction, DIRECTIONS)
        self.load_size = load_size_of(load_resolution, self.size)

    @cached_property
    def files(self) -> tuple[PairFiles, PairFiles]:
        """The pairs to train on, and those to measure with."""
        train, reference = find_pairs(self.root)
        if reference is not None:
            return train, reference
        seen, apart = held_out(len(train), self.held_out)
        if not seen:
            raise SettingError("held_out", self.held_out, f"less: {train.root} has {len(train)} pairs")
        return (train.only(seen), train.only(apart)) if apart else (train, train)

    def load(self) -> TensorSamples:
        """Open the cache, filling it first where that was not done before."""
        log.info("%s: %s pairs, %s to measure with", self.files[0].root, *map(len, self.files))
        return self.decoder(self.load_size).open(self.files[0])

    def training_files(self) -> ImageFiles:
        return self.files[0].files

    @property
    def has_own_reference(self) -> bool:
        """Whether the metrics compare with other pairs: not where these are the training's, read without crops."""
        return self.files[1] is not self.files[0]

    def load_reference(self) -> TensorSamples | None:
        if self.files[1] is self.files[0] and self.load_size == self.size:
            return None
        return self.decoder(self.size).open(self.files[1])

    def decoder(self, size: tuple[int, int]) -> PairDecoder:
        """Return what reads the pairs at ``size``."""
        how = self.format_of(size, self.channels)
        return PairDecoder(how, self.source_channels, self.direction, self.cache, self.cache_limit_gb)

    def make_loader(self, order: KeyedOrder, passes: int) -> BatchLoader:
        """Return the loader; it crops where images are read at a larger size."""
        if self.load_size == self.size:
            return super().make_loader(order, passes)
        return CropLoader(self.samples, order, **self.loader_settings(passes), size=self.size)

    def training_data(self) -> GanDataModule:
        """Return the training pairs as the metrics would see them: read at the resolution, without crops."""
        training = super().training_data()
        training.__dict__["files"] = (self.files[0], self.files[0])
        training._reference = self.decoder(self.size).open(self.files[0])
        return training

    def describe(self) -> dict[str, Any]:
        """Return what summary.json says of the data: also where they are, and how many are kept apart."""
        root = str(self.files[0].root.absolute())
        return {**super().describe(), "root": root, "num_reference": len(self.reference)}

    def _hash(self) -> str:
        how = self.shape, self.source_channels, self.direction
        return self.files[1].fingerprint("reference", *how, *self.range_key)


def load_size_of(load_resolution: int | Sequence[int] | None, size: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) that images are read at; raise `SettingError` where it is below ``size``."""
    found = size if load_resolution is None else size_of("load_resolution", load_resolution)
    if found[0] < size[0] or found[1] < size[1]:
        least = f"at least {size[0]}x{size[1]} (data.resolution), or null"
        raise SettingError("load_resolution", load_resolution, least)
    return found
