"""A folder of images as an evaluation reads it: every file once, at the size that it has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from ganworks.data.ahead import ahead
from ganworks.data.decode import decode, decode_whole, read_size
from ganworks.data.files import find_images
from ganworks.data.samples import to_float
from ganworks.errors import GanworksError, SettingError, check_count
from ganworks.noise import keyed_rng

MAX_PIXELS = 2**22  # of a batch: extractors join batches to passes, and whole batches are read ahead


class EvaluatedImages:
    """Images that are measured and not trained on: what an evaluation needs of a data module.

    An image goes to the extractor at the size that the file has, in the 8 bits that `decode_whole` makes of it, and
    only the extractor's resizer touches it; with ``resolution`` it is cropped and resized first, as training would.
    Unreadable files are an error: to skip them would change the number of images.

    Args:
        root: the folder.
        channels: 1 (gray) or 3 (RGB).
        resolution: side that the images are brought to; None leaves them as they are.

    Attributes:
        shape: (C, H, W) of the first image; others may differ.

    Raises:
        SettingError: ``root`` is no folder or has no images, see `find_images`; channels or a side that cannot be.
    """

    num_classes = 0

    def __init__(self, root: str | Path, channels: int = 3, resolution: int | None = None) -> None:
        if channels not in (1, 3):
            raise SettingError("channels", channels, "1 (gray) or 3 (RGB)")
        self.files = find_images(root)
        self.name = self.files.root.name or str(root)
        self.channels = channels
        self.resolution = None if resolution is None else check_count("resolution", resolution)
        self.shape = tuple(self._read(0).shape)

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all files' content, whatever they are called, and of how they are read."""
        digest = hashlib.blake2b(repr((self.channels, self.resolution)).encode(), digest_size=16)
        hashes = ahead(self._hash, range(len(self)), lambda content: 1)
        for content in sorted(hashes):
            digest.update(content)
        return digest.hexdigest()

    @property
    def num_reals(self) -> int:
        """Number of images."""
        return len(self)

    @cached_property
    def sizes(self) -> set[tuple[int, int]]:
        """All (height, width) that occur; only the headers are read."""
        if self.resolution is not None:
            return {(self.resolution, self.resolution)}
        return set(ahead(self._size, range(len(self)), lambda size: 1))

    @property
    def order(self) -> Tensor:
        """The files' numbers in the order in which they are read."""
        return torch.randperm(len(self), generator=keyed_rng("reference"))

    def reference_batches(
        self, batch_size: int = 500, start: int = 0, stop: int | None = None
    ) -> Iterator[dict[str, Tensor]]:
        """Yield the images from number ``start`` to ``stop``, ``real`` (B, C, H, W) in [-1, 1]; a batch has one size.

        The order is that of the files shuffled by a constant key, so that the first N are a fair draw.
        """
        batch: list[Tensor] = []
        order = self.order[start:stop].tolist()
        for image in ahead(lambda index: to_float(self._read(index)), order, lambda image: image.nbytes):
            is_full = len(batch) == batch_size or len(batch) * image.numel() > MAX_PIXELS
            if batch and (is_full or image.shape != batch[0].shape):
                yield {"real": torch.stack(batch)}
                batch = []
            batch.append(image)
        if batch:
            yield {"real": torch.stack(batch)}

    def _read(self, index: int) -> Tensor:
        with _readable(path := self.files.path(index)):
            if self.resolution is None:
                return decode_whole(path, self.channels)
            return decode(path, self.resolution, self.channels)

    def _size(self, index: int) -> tuple[int, int]:
        with _readable(path := self.files.path(index)):
            return read_size(path)

    def _hash(self, index: int) -> bytes:
        return hashlib.blake2b(self.files.path(index).read_bytes(), digest_size=16).digest()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise GanworksError(f"{path} can't be read: {str(error).splitlines()[0]}.") from error
