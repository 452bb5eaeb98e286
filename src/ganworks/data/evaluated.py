"""A folder of images as an evaluation reads it: every file once, at the size that it has."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from ganworks.data.ahead import ahead
from ganworks.data.decode import decode, decode_whole, read_size
from ganworks.data.files import find_images
from ganworks.data.open_image import TooManyPixelsError, check_regular
from ganworks.data.sample_format import CROP, FIRST, MAX_PIXELS, WHITE, SampleFormat
from ganworks.data.samples import to_float
from ganworks.data.survey import look
from ganworks.data.value_range import AUTO, Range, Values, check_value_range, together
from ganworks.errors import GanworksError
from ganworks.noise import keyed_rng

log = logging.getLogger(__name__)

BATCH_PIXELS = 2**22  # of a batch: extractors join batches to passes, and whole batches are read ahead


class EvaluatedImages:
    """Images that are measured and not trained on: what an evaluation needs of a data module.

    An image goes to the extractor at the size that the file has, as `decode_whole` reads it, and
    only the extractor's resizer touches it; with ``resolution`` it is cropped and resized first, as training would.
    Unreadable files are an error: to skip them would change the number of images.

    Args:
        root: the folder.
        channels: of the images.
        resolution: side that the images are brought to, or [height, width]; None leaves them as they are.
        value_range: what becomes black to white in images of more than 8 bits, see `FilesDataModule`. Two folders that
            are compared take one range, see `read_alike`.
        max_pixels: an image that has more is an error.
        fit, background, dtype, pages: how a file becomes a sample; see `SampleFormat`.

    Attributes:
        shape: (C, H, W) of the first image; others may differ.
        values: of the images of more than 8 bits, where the range was looked for.

    Raises:
        SettingError: ``root`` is no folder or has no images, see `find_images`; channels or a side that cannot be.
    """

    num_classes = 0

    def __init__(
        self,
        root: str | Path,
        channels: int = 3,
        resolution: int | Sequence[int] | None = None,
        value_range: str | Sequence[float] = AUTO,
        max_pixels: int = MAX_PIXELS,
        fit: str = CROP,
        background: str | Sequence[int] = WHITE,
        dtype: str = "uint8",
        pages: str = FIRST,
    ) -> None:
        values = check_value_range(value_range)
        self.how = SampleFormat(resolution, channels, values, max_pixels, fit, background, dtype, pages)
        self.files = find_images(root)
        self.name = self.files.root.name or str(root)
        self.value_range: str | Range = values
        self.values = self._find_values() if self.value_range == AUTO else None
        if self.values is not None:
            self.value_range = self.values.range
        self.shape = tuple(self._read(0).shape)

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all files' content, whatever they are called, and of how they are read."""
        sides = None if self.how.resolution is None else self.how.size
        side = sides[0] if sides and sides[0] == sides[1] else sides
        how: list[object] = [self.how.channels, side]
        how += [self.value_range] if isinstance(self.value_range, tuple) else []
        how += self.how.extra_key
        digest = hashlib.blake2b(repr(tuple(how)).encode(), digest_size=16)
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
        if self.how.resolution is not None:
            return {self.how.size}
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
            is_full = len(batch) == batch_size or len(batch) * image.numel() > BATCH_PIXELS
            if batch and (is_full or image.shape != batch[0].shape):
                yield {"real": torch.stack(batch)}
                batch = []
            batch.append(image)
        if batch:
            yield {"real": torch.stack(batch)}

    def _find_values(self) -> Values | None:
        return together(ahead(self._values, range(len(self)), lambda values: 1))

    def _values(self, index: int) -> Values | None:
        with _readable(path := self.files.path(index)):
            found = look(path, self.how.max_pixels, False, False, self.how.is_deep, self.how.num_pages)
        return found if isinstance(found, Values) else None

    def _read(self, index: int) -> Tensor:
        how = replace(self.how, value_range=self.value_range)
        with _readable(path := self.files.path(index)):
            return decode_whole(path, how) if how.resolution is None else decode(path, how)

    def _size(self, index: int) -> tuple[int, int]:
        with _readable(path := self.files.path(index)):
            return read_size(path, self.how.max_pixels)

    def _hash(self, index: int) -> bytes:
        with _readable(path := self.files.path(index)):
            check_regular(path)
            return hashlib.blake2b(path.read_bytes(), digest_size=16).digest()


def read_alike(*folders: EvaluatedImages) -> None:
    """Let folders scale images of more than 8 bits from one range, that of the values in all; say which it is."""
    values = together([folder.values for folder in folders])
    if values is None:
        return
    for folder in folders:
        folder.value_range = values.range
    named = " and ".join(dict.fromkeys(str(folder.files.root) for folder in folders))
    log.info("%s: %s: scaled from [%g, %g]", named, values, *values.range)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except GanworksError:
        raise
    except Exception as error:
        raise GanworksError(f"{path} can't be read: {why(error, path)}.") from error


def why(error: Exception, path: Path) -> str:
    """Return why a file cannot be read, and the setting that would let it be."""
    allowed = "; data.max_pixels= allows more" if isinstance(error, TooManyPixelsError) else ""
    text = str(error).replace(f" {str(path)!r}", "") or type(error).__name__
    return text.splitlines()[0] + allowed
