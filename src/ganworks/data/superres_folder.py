"""Super-resolution of a user's own images: tiles of them, and what is left of these at a fraction of their size."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ganworks.data import split
from ganworks.data.decode import decode_whole, read_size
from ganworks.data.files import ImageFiles, find_images
from ganworks.data.kept import open_kept, write_all
from ganworks.data.layout import held_out_name
from ganworks.data.pair_files import held_out
from ganworks.data.pairs import PairModule
from ganworks.data.sample_format import CROP, FIRST, MAX_PIXELS, WHITE
from ganworks.data.samples import HALVES, TensorSamples, to_float
from ganworks.data.split import find_split
from ganworks.data.superres import enlarged
from ganworks.data.survey import in_threads
from ganworks.data.value_range import AUTO
from ganworks.errors import GanworksError, SettingError, check_count

log = logging.getLogger(__name__)
FORMAT = 1  # raise it when what is decoded changes


class Superres(PairModule):
    """Images of a folder as ``real``; as ``source`` the same, made ``factor`` times smaller and enlarged again.

    Each image is cut, at its own scale, into as many tiles of the resolution as fit side by side; it is made smaller
    as a whole, with an antialiased bicubic filter, and rounded to bytes, as a file of it would be. Where ``root`` has
    ``train`` and ``test`` (or ``val``), they are used; else a share of the images is kept apart for the metrics.

    Args:
        factor: how many times smaller the source is, from 2 up.
        others: see `PairModule`.

    Raises:
        SettingError: no image is as large as a tile, or see `PairModule`.
        GanworksError: a file that cannot be read; names it.
    """

    name = "superres"

    def __init__(
        self,
        root: str | Path | None,
        factor: int = 4,
        batch_size: int = 16,
        resolution: int | Sequence[int] = 96,
        channels: int = 3,
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
        background: str | Sequence[int] = WHITE,
        dtype: str = "uint8",
        pages: str = FIRST,
    ) -> None:
        super().__init__(
            root,
            batch_size,
            resolution,
            channels,
            channels,
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
            CROP,
            background,
            dtype,
            pages,
        )
        self.factor = check_count("factor", factor, at_least=2)
        if any(side % self.factor for side in self.size):
            allowed = f"multiples of data.factor={self.factor}"
            raise SettingError("resolution", "x".join(map(str, self.size)), allowed)

    @cached_property
    def files(self) -> tuple[ImageFiles, ImageFiles]:
        """The images to train on, and those to measure with."""
        folder = find_split(self.root, split.AUTO)
        train = find_images(folder)
        there = {path.name for path in train.root.parent.iterdir() if path.is_dir()}
        apart = held_out_name(there) if folder != self.root else None
        if apart is not None:
            return train, find_images(train.root.parent / apart)
        seen, rest = held_out(len(train), self.held_out)
        if not seen:
            raise SettingError("held_out", self.held_out, f"less: {train.root} has {len(train)} images")
        return (train.only(seen), train.only(rest)) if rest else (train, train)

    def load(self) -> TensorSamples:
        """Open the cache, filling it first where that was not done before."""
        log.info("%s: %s images, %s to measure with", self.files[0].root, *map(len, self.files))
        return self.tiles(self.files[0])

    def training_files(self) -> ImageFiles:
        return self.files[0]

    def load_reference(self) -> TensorSamples | None:
        return None if self.files[1] is self.files[0] else self.tiles(self.files[1])

    def tiles(self, files: ImageFiles) -> TensorSamples:
        """Return the tiles of the images, from the cache."""
        num = sum(rows * columns for rows, columns in self.grids(files))
        if not num:
            size = "x".join(map(str, self.size))
            raise SettingError("resolution", size, f"less: no image in {files.root} is as large")
        how = FORMAT, self.shape, self.factor
        key = f"superres-{files.fingerprint(*how, self.how.max_pixels, *self.range_key)}"
        shape = (num, 2 * self.channels, *self.size)
        write = partial(self.write, files)
        both = open_kept(self.cache, self.cache_limit_gb, key, shape, write, self.how.torch_dtype)
        return TensorSamples(both[:, self.channels :], source=both[:, : self.channels])

    def grids(self, files: ImageFiles) -> list[tuple[int, int]]:
        """Return the rows and columns of tiles of each image, by its header; say how many images have none."""
        grids = []
        for name, size in in_threads(files, lambda _, path: read_size(path, self.how.max_pixels)):
            if isinstance(size, str):
                raise GanworksError(f"{files.root / name} cannot be read: {size}")
            grids.append((size[0] // self.size[0], size[1] // self.size[1]))
        small = [name for name, grid in zip(files.names, grids, strict=True) if not all(grid)]
        if small and len(small) < len(files):
            text = "%s: %d of %d images are smaller than %dx%d and left out, such as %s"
            log.warning(text, files.root, len(small), len(files), *self.size, small[0])
        return grids

    def write(self, files: ImageFiles, folder: Path) -> None:
        """Write the tiles of all images to ``folder``, the source of each before the tile."""
        write_all(files, lambda _, path: self.read(path), folder)

    def read(self, path: Path) -> Tensor:
        """Return the tiles of an image file: (N, 2 C, height, width)."""
        image = decode_whole(path, self.format_of(None, self.channels))
        rows, columns = image.shape[1] // self.size[0], image.shape[2] // self.size[1]
        if not rows or not columns:
            return torch.empty(0, 2 * self.channels, *self.size, dtype=self.how.torch_dtype)
        image = centre(image, (rows * self.size[0], columns * self.size[1]))
        both = torch.cat([degraded(image, self.factor), image])
        tiles = both.unflatten(1, (rows, -1)).unflatten(3, (columns, -1))  # 2 C, rows, height, columns, width
        return tiles.permute(1, 3, 0, 2, 4).flatten(0, 1).contiguous()

    def describe(self) -> dict[str, Any]:
        """Return what summary.json says of the data: also where they are, and how many are kept apart."""
        root = str(self.files[0].root.absolute())
        return {**super().describe(), "root": root, "num_reference": len(self.reference)}

    def _hash(self) -> str:
        return self.files[1].fingerprint("reference", self.shape, self.factor, *self.range_key)

    def training_data(self) -> Superres:
        """Return the training tiles as the metrics would see them."""
        training = super().training_data()
        assert isinstance(training, Superres)
        training.__dict__["files"] = (self.files[0], self.files[0])
        return training


def centre(image: Tensor, size: Sequence[int]) -> Tensor:
    """Return the middle of an image (C, H, W) at ``size`` (height, width)."""
    top, left = ((side - wanted) // 2 for side, wanted in zip(image.shape[1:], size, strict=True))
    return image[:, top : top + size[0], left : left + size[1]]


def degraded(image: Tensor, factor: int) -> Tensor:
    """Return an image (C, H, W), ``factor`` times smaller in the levels of its dtype and enlarged again."""
    height, width = image.shape[1:]
    size = (height // factor, width // factor)
    small = interpolate(image[None].float(), size, mode="bicubic", antialias=True, align_corners=False)
    if image.is_floating_point():
        return enlarged(small.clamp_(-1, 1), (height, width))[0]
    half = HALVES[image.dtype]
    small = small.round_().clamp_(0, 2 * half).to(image.dtype)
    large = enlarged(to_float(small), (height, width))
    return ((large[0] + 1) * half).round_().to(image.dtype)
