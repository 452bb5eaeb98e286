"""A user's own images, of any size and mode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ganworks.data.files import ImageFiles, find_images
from ganworks.data.image_files import FilesDataModule
from ganworks.data.labels import AS_TEXT, unlabelled, with_labels
from ganworks.data.sample_format import CROP, FIRST, MAX_PIXELS, WHITE
from ganworks.data.split import ALL, find_split
from ganworks.data.value_range import DTYPE

__all__ = ["FilesDataModule", "Folder"]


class Folder(FilesDataModule):
    """The images under ``root``, nested as they may be, with the labels that a file or their subfolders say.

    Args:
        root: the folder.
        num_classes: None takes what the labels say, their number of classes or of numbers; 0 leaves labels out.
        label: "class", "multi" or "vector"; None: what the labels look like. See `with_labels`.
        label_source: "auto" (a label file in ``root``, or else the subfolders), the name of a label file, "folders", or
            "folders_as_text", which numbers the classes in the order of text. That is the default because it is what
            a saved configuration without this setting was trained with.
        split: "auto" (``train`` where the only subfolders are splits, such as train, val and test), "all" (no subfolder
            is one; the default, as of a saved configuration without this setting), or the name of a subfolder.
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
        resolution: int | Sequence[int] = 64,
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
        split: str = ALL,
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
        )
        self.root, self.label, self.label_source, self.split = root, label, label_source, split

    def find(self) -> ImageFiles:
        """Find the images under ``root``, and their labels unless they are left out."""
        files = find_images(find_split(self.root, self.split))
        if self.wanted_classes == 0:
            return unlabelled(files)
        return with_labels(files, self.label_source, self.label, self.cache.max_corrupt)
