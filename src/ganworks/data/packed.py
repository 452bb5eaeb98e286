"""Images packed in larger files, by sample: the shards of WebDataset, the tables of Hugging Face."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganworks.data.files import ImageFiles
from ganworks.data.image_files import FilesDataModule
from ganworks.data.label_file import Row, Table
from ganworks.data.label_values import from_rows
from ganworks.data.labels import KINDS
from ganworks.data.sample_format import CROP, MAX_PIXELS, STACK, WHITE
from ganworks.data.split import AUTO
from ganworks.errors import GanworksError, check_choice

log = logging.getLogger(__name__)

NONE = "none"  # no labels
HINT = "give each a label, or leave the labels out with data.num_classes=0"


class Packed(FilesDataModule):
    """Samples with an image and perhaps a label, many in a file.

    Args:
        root: where they are; see the subclasses.
        image: which part of a sample is its image; None: the only one that is one.
        label_source: which part is its label; "auto" looks where it is by custom, "none" leaves labels out.
        label: "class", "multi" or "vector"; None: what the labels look like. See `with_labels`.
        split: which of several splits is trained on: "auto" takes that for training, "all" all of them.
        num_classes: None takes what the labels say; 0 leaves them out.
        others: see `FilesDataModule`.

    Raises:
        SettingError: ``root`` is not there or has no image, or a part of its samples that is named is missing; see
            `FilesDataModule` too.
        GanworksError: a file that is damaged, a wrong label, or a library that is not installed.
    """

    def __init__(
        self,
        root: str | Path | None,
        batch_size: int = 64,
        resolution: int | Sequence[int] = 64,
        channels: int = 3,
        shape: Sequence[int] | None = None,
        image: str | None = None,
        label_source: str = AUTO,
        label: str | None = None,
        split: str = AUTO,
        num_classes: int | None = None,
        num_train: int | None = None,
        seed: int = 0,
        horizontal_flip: bool = False,
        min_batches: int = 1,
        cache: str | Path = "cache",
        cache_limit_gb: float = 32.0,
        max_corrupt: float = 0.1,
        num_workers: int = 4,
        value_range: str | Sequence[float] = AUTO,
        max_pixels: int = MAX_PIXELS,
        classes: Sequence[str] | None = None,
        changed: str | None = "error",
        vertical_flip: bool = False,
        fit: str = CROP,
        background: str | Sequence[int] = WHITE,
        dtype: str = "uint8",
        pages: str = STACK,
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
            value_range,
            max_pixels,
            classes,
            changed,
            vertical_flip,
            fit,
            background,
            dtype,
            pages,
            num_train,
        )
        self.root, self.image, self.label_source, self.split = root, image, label_source, split
        self.label = None if label is None else check_choice("label", label, KINDS)


def labelled(files: ImageFiles, values: Sequence[Any], kind: str | None, hint: str) -> ImageFiles:
    """Return ``files`` with labels as they are written, one each; without where none has one.

    Args:
        values: None where there is no label.
        hint: how to do without.

    Raises:
        GanworksError: some have no label, or a wrong one; names the image.
    """
    if lacking := [index for index, value in enumerate(values) if value is None]:
        if len(lacking) < len(values):
            num, whole = f"{len(lacking):,}", f"{len(values):,}"
            raise GanworksError(
                f"{files.root}: {num} of {whole} images have no label, such as {files.names[lacking[0]]!r}: {hint}."
            )
        return files.with_labels(None)
    rows = [Row(name, name, value) for name, value in zip(files.names, values, strict=True)]
    found = from_rows(files, Table(files.root, rows), rows, kind)
    what = "numbers a label" if found.label_kind == "vector" else "classes"
    log.info("%s: %s %s", files.root, f"{found.num_classes:,}", what)
    return found
