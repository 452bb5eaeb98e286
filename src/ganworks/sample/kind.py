"""Kinds of samples: the one place that knows what a sample is, how it is drawn and what a file of it looks like."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganworks.errors import SettingError, check_choice
from ganworks.sample.visible import MOST_IN_PNG
from ganworks.staged import write_text

ARRAY = ".npy"


class Kind(ABC):
    """What a sample of a data set is. A new kind is one subclass.

    Attributes:
        name: of the kind.
        noun: what samples are called, in the plural.
        rank: axes of one sample; None for any number.
        low, high: the range that the networks see; None is without bounds.
        picture_suffixes: of the files that `save_picture` can write, the usual one first.
        suffix: of the file of one sample.
        is_cloud: a picture holds thousands of samples instead of some dozens.
        is_lines: a picture is a text with a line for each sample.
        has_files: one sample is worth a file of its own.
        is_image: two axes of space behind the channels: what augmentations of images and extractors ask for.
    """

    name: ClassVar[str]
    noun: ClassVar[str]
    rank: ClassVar[int | None]
    low: ClassVar[float | None] = None
    high: ClassVar[float | None] = None
    picture_suffixes: ClassVar[tuple[str, ...]] = (".png", ".jpg", ".jpeg", ".webp")
    suffix: ClassVar[str] = ARRAY
    is_cloud: ClassVar[bool] = False
    is_image: ClassVar[bool] = False
    is_lines: ClassVar[bool] = False
    has_files: ClassVar[bool] = True

    @property
    def picture_suffix(self) -> str:
        """The suffix that a picture has where nobody asks for another."""
        return self.picture_suffixes[0]

    @property
    def is_bounded(self) -> bool:
        """Whether samples have a range, so that a generator ends in a tanh."""
        return self.high is not None

    @property
    def settings(self) -> dict[str, Any]:
        """What builds this kind again, in plain types: its ``_target_`` and the arguments that it was made with."""
        arguments = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return {"_target_": f"{type(self).__module__}.{type(self).__qualname__}", **arguments}

    def check(self, shape: Sequence[int]) -> None:
        """Raise `SettingError` unless samples of this kind can have ``shape``."""
        if self.rank is not None and len(shape) != self.rank:
            raise SettingError("shape", tuple(shape), f"{self.rank} numbers for {self.noun}")

    def mirror(self, samples: Tensor, chosen: Tensor, axis: int = -1) -> Tensor:
        """Return samples (B, *shape), those of ``chosen`` (B,) mirrored, if they have sides.

        Args:
            axis: -1 left to right, -2 upside down.
        """
        return samples

    @abstractmethod
    def save_picture(
        self, samples: Tensor, path: Path, columns: int | None = None, reals: Tensor | None = None
    ) -> list[Path]:
        """Write a picture of samples (B, *shape) to ``path``, perhaps files beside it; return what was written.

        Args:
            columns: samples a row; None leaves it to the kind.
            reals: real samples to compare with, for kinds that show them.
        """

    def save_comparison(self, rows: Mapping[str, Tensor], path: Path) -> list[Path]:
        """Write a picture of samples beside what they were made from, and what they should be; return what was written.

        Args:
            rows: by name fields (B, ...), a row of the picture each, the samples under "translation". A kind that
                shows no more than samples leaves out the others.
        """
        return self.save_picture(rows["translation"], path)

    def save(self, sample: Tensor, path: Path) -> Path:
        """Write one sample (*shape) to the file of ``path``; return it."""
        import numpy as np

        path = self.file_of(path)
        with path.open("wb") as file:
            np.save(file, sample.cpu().numpy())
        return path

    def suffix_for(self, shape: Sequence[int]) -> str:
        """Return the suffix of the file of one sample of ``shape``."""
        return self.suffix

    def file_of(self, path: Path, shape: Sequence[int] = (1,)) -> Path:
        """Return ``path`` with the suffix of the kind, which it gets unless it has it, in whatever letters.

        >>> Image().file_of(Path("one")).name, Image().file_of(Path("one.PNG")).name
        ('one.png', 'one.PNG')
        """
        suffix = self.suffix_for(shape)
        return path if path.suffix.lower() == suffix else path.with_name(path.name + suffix)


class Points(Kind):
    """Vectors (D,) without bounds, drawn by their first two coordinates over the real ones."""

    name, noun, rank, is_cloud, has_files = "points", "points", 1, True, False

    def save_picture(
        self, samples: Tensor, path: Path, columns: int | None = None, reals: Tensor | None = None
    ) -> list[Path]:
        from ganworks.picture.samples import save_image, scatter

        return [save_image(scatter(samples, reals), path)]


class Image(Kind):
    """Images (C, H, W) in [-1, 1], drawn as a grid.

    Args:
        dtype: of the levels that they are trained with, and of the files that are written: "uint8", "uint16", or
            "float32". A file is a PNG, or an array (H, W, C) in .npy where PNG cannot hold it: floats, and more than
            four channels.
    """

    name, noun, rank, low, high = "image", "images", 3, -1.0, 1.0
    suffix, is_image = ".png", True
    dtype = "uint8"

    def __init__(self, dtype: str = "uint8") -> None:
        if dtype != self.dtype:  # left out of the settings where it is what it always was
            self.dtype = check_choice("dtype", dtype, ("uint8", "uint16", "float32"))

    def mirror(self, samples: Tensor, chosen: Tensor, axis: int = -1) -> Tensor:
        # Choosing whole images out of both versions is several times as fast as `torch.where` on a CPU.
        rows = torch.arange(len(samples), device=samples.device)
        return torch.cat([samples, samples.flip(axis)]).index_select(0, rows + len(samples) * chosen)

    def save_picture(
        self, samples: Tensor, path: Path, columns: int | None = None, reals: Tensor | None = None
    ) -> list[Path]:
        from ganworks.picture.samples import image_grid, save_image

        return [save_image(image_grid(samples, columns), path)]

    def save_comparison(self, rows: Mapping[str, Tensor], path: Path) -> list[Path]:
        from ganworks.picture.comparison import comparison
        from ganworks.picture.samples import save_image

        images = {name: images for name, images in rows.items() if images.dim() == 4}
        return [save_image(comparison(images), path)]

    def suffix_for(self, shape: Sequence[int]) -> str:
        needs_array = self.is_image and (self.dtype == "float32" or shape[0] > MOST_IN_PNG)
        return ARRAY if needs_array else self.suffix

    def save(self, sample: Tensor, path: Path) -> Path:
        from ganworks.picture.image_file import write_image

        return write_image(sample, self.file_of(path, sample.shape), self.dtype)


class Video(Image):
    """Clips (C, T, H, W) in [-1, 1], drawn as film strips, a clip a row, with an animation beside the picture."""

    name, noun, rank = "video", "clips", 4
    picture_suffixes = (*Kind.picture_suffixes, ".gif", ".mp4")
    suffix, is_image = ".gif", False

    def save_picture(
        self, samples: Tensor, path: Path, columns: int | None = None, reals: Tensor | None = None
    ) -> list[Path]:
        from ganworks.picture.film import save_animation, save_film, save_video

        if path.suffix.lower() == ".mp4":
            return [save_video(samples, path, columns)]
        if path.suffix.lower() == ".gif":
            return [save_animation(samples, path, columns)]
        # One clip of each class, where a row of the animation has a column for each.
        film = save_film(samples, path, columns)
        return [film, save_animation(samples, path.with_suffix(".gif"), columns)]

    def save_comparison(self, rows: Mapping[str, Tensor], path: Path) -> list[Path]:
        return self.save_picture(rows["translation"], path)

    def save(self, sample: Tensor, path: Path) -> Path:
        from ganworks.picture.film import save_animation

        return save_animation(sample[None], self.file_of(path), zoom=1, gap=0)


class Tokens(Kind):
    """Texts of token ids (L,), or of a distribution or score for each of V tokens, (L, V), drawn as lines of text.

    Args:
        vocabulary: the text of each token id; None prints the ids.
        end: the id that ends a text; None reads all L.
        separator: between tokens: "" for letters, " " for words.
    """

    name, noun, rank = "tokens", "texts", None
    picture_suffixes, suffix, is_lines = (".txt",), ".txt", True

    def __init__(
        self, vocabulary: Sequence[str] | None = None, end: int | None = None, separator: str | None = None
    ) -> None:
        self.vocabulary, self.end = None if vocabulary is None else list(vocabulary), end
        self.separator = (" " if vocabulary is None else "") if separator is None else separator

    def check(self, shape: Sequence[int]) -> None:
        if len(shape) not in (1, 2):
            raise SettingError("shape", tuple(shape), "(length,) or (length, vocabulary) for texts")

    def ids(self, samples: Tensor) -> Tensor:
        """Return token ids (B, L): the samples themselves, or the likeliest token of each place."""
        return samples.argmax(-1) if samples.dim() == 3 else samples.round().long()

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of token ids (L,), up to the one that ends it."""
        ids = list(ids)
        ids = ids[: ids.index(self.end)] if self.end is not None and self.end in ids else ids
        known = self.vocabulary
        return self.separator.join(
            str(i) if known is None else known[i] if 0 <= i < len(known) else "?" for i in ids
        )

    def texts(self, samples: Tensor) -> list[str]:
        """Return the text of each sample."""
        return [self.text(ids) for ids in self.ids(samples.detach().cpu()).tolist()]

    def save_picture(
        self, samples: Tensor, path: Path, columns: int | None = None, reals: Tensor | None = None
    ) -> list[Path]:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "\n".join(in_columns(self.texts(samples), columns)) + "\n")
        return [path]

    def save(self, sample: Tensor, path: Path) -> Path:
        return self.save_picture(sample[None], self.file_of(path))[0]


def in_columns(texts: Sequence[str], columns: int | None) -> list[str]:
    """Return the lines of a page with so many texts a line, one below the other; None is one a line.

    >>> in_columns(["one", "three", "five"], 2)
    ['one   three', 'five']
    """
    if not columns or columns == 1:
        return list(texts)
    width = max(map(len, texts), default=0)
    rows = [texts[start : start + columns] for start in range(0, len(texts), columns)]
    return ["   ".join(text.ljust(width) for text in row).rstrip() for row in rows]


class Array(Kind):
    """Samples of any other shape, drawn as one row of values each, from the lowest to the highest."""

    name, noun, rank = "array", "samples", None

    def save_picture(
        self, samples: Tensor, path: Path, columns: int | None = None, reals: Tensor | None = None
    ) -> list[Path]:
        from ganworks.picture.samples import heat_map, save_image

        return [save_image(heat_map(samples), path)]


KINDS: dict[int, Kind] = {1: Points(), 3: Image(), 4: Video()}


def kind_of(shape: Sequence[int]) -> Kind:
    """Return the kind that samples of ``shape`` are where nobody says it.

    >>> kind_of((3, 32, 32)).name, kind_of((2,)).name, kind_of((3, 8, 16, 16)).name, kind_of((10, 30)).name
    ('image', 'points', 'video', 'array')
    """
    return KINDS.get(len(shape)) or Array()
