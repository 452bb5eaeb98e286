"""Pairs of image files: found in the layouts that people keep them in, and decoded into the cache."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from ganworks.data.decode import decode_part, read_size
from ganworks.data.files import ImageFiles, check_folder, find_images
from ganworks.data.kept import open_kept, write_all
from ganworks.data.layout import Sides, find_sides, held_out_name, subfolders
from ganworks.data.sample_format import SampleFormat
from ganworks.data.samples import TensorSamples
from ganworks.data.split import TRAIN
from ganworks.data.survey import reason
from ganworks.errors import GanworksError, SettingError
from ganworks.noise import keyed_rng

log = logging.getLogger(__name__)

FORMAT = 1  # raise it when what is decoded changes
LAYOUTS = (
    "a folder with A and B (files of equal names), trainA and trainB, train with A and B, train with files that have A"
    " and B side by side, or such files"
)
HALVES = (0.0, 0.5), (0.5, 1.0)
WHOLE = (0.0, 1.0)


@dataclass(frozen=True)
class PairFiles:
    """Pairs A, B of images under ``root``, by the names of their files relative to it.

    Args:
        root: the folder.
        first: the files of A.
        second: the files of B, in the same order; the same files where A and B stand side by side in each.
    """

    root: Path
    first: Sequence[str]
    second: Sequence[str]

    def __len__(self) -> int:
        return len(self.first)

    @property
    def are_side_by_side(self) -> bool:
        """Whether a file holds both, A on the left."""
        return self.first is self.second

    def only(self, indices: Sequence[int]) -> PairFiles:
        """Return these pairs alone."""
        first = [self.first[index] for index in indices]
        second = first if self.are_side_by_side else [self.second[index] for index in indices]
        return replace(self, first=first, second=second)

    @property
    def files(self) -> ImageFiles:
        """All files, each once."""
        return ImageFiles(self.root, list(dict.fromkeys([*self.first, *self.second])))

    def fingerprint(self, *settings: object) -> str:
        """Return a hash of names, sizes, times of change, and ``settings``."""
        return ImageFiles(self.root, [*self.first, *self.second]).fingerprint(FORMAT, *settings)


def find_pairs(root: str | Path | None) -> tuple[PairFiles, PairFiles | None]:
    """Return the pairs to train on and, where there are folders for them, those to measure with.

    Raises:
        SettingError: ``root`` has none of the `LAYOUTS`, a folder is empty, or a file has no partner; names it.
    """
    folder = check_folder(root)
    if (layout := find_sides(folder)) is not None:
        apart = None if layout.held_out is None else matched(folder, layout.held_out)
        return matched(folder, layout.train), apart
    there = subfolders(folder)
    if (train := next((split for split in TRAIN if split in there), None)) is not None:
        held_out = held_out_name(there)
        return side_by_side(folder, train), None if held_out is None else side_by_side(folder, held_out)
    if there:
        raise SettingError("root", root, f"{LAYOUTS}: in it are the folders {', '.join(sorted(there))}")
    return side_by_side(folder, ""), None


def matched(folder: Path, sides: Sides) -> PairFiles:
    """Return the pairs of two folders in ``folder``: files of equal names, whatever their suffixes.

    Raises:
        SettingError: a folder is empty, or a file has no partner, or two.
    """
    names = [side.relative_to(folder).as_posix() for side in sides]
    first, second = (by_stem(folder, name) for name in names)
    for here, there, other in ((first, second, names[1]), (second, first, names[0])):
        if alone := [file for stem, file in here.items() if stem not in there]:
            more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
            raise SettingError(
                "root", folder, f"a folder of pairs: {alone[0]} has no partner in {other}{more}"
            )
    return PairFiles(folder, list(first.values()), [second[stem] for stem in first])


def by_stem(folder: Path, name: str) -> dict[str, str]:
    """Return the files of ``folder / name``, relative to ``folder``, by their names without suffixes, sorted."""
    found: dict[str, str] = {}
    for file in find_images(folder / name).names:
        stem = str(PurePosixPath(file).with_suffix(""))
        if stem in found:
            raise SettingError(
                "root", folder, f"a folder of pairs: {found[stem]} and {name}/{file} are one name"
            )
        found[stem] = f"{name}/{file}"
    return found


def side_by_side(folder: Path, name: str) -> PairFiles:
    """Return the files of ``folder / name`` that hold A and B side by side."""
    files = [f"{name}/{file}" if name else file for file in find_images(folder / name).names]
    return PairFiles(folder, files, files)


def held_out(num: int, share: float) -> tuple[list[int], list[int]]:
    """Return which of ``num`` are trained on and which are kept apart: a draw of its own, the same for every seed."""
    order = torch.randperm(num, generator=keyed_rng("held out")).tolist()
    apart = max(1, round(share * num)) if share else 0
    return sorted(order[apart:]), sorted(order[:apart])


@dataclass(frozen=True)
class PairDecoder:
    """How pairs become samples, and where these are kept.

    Args:
        how: files become samples, with the channels of ``real``.
        source_channels: of ``source``.
        direction: AtoB: A is the source; BtoA: B is.
        cache: the folder that the decoded images are kept in.
        cache_limit_gb: the largest number of GB that they may take.
    """

    how: SampleFormat
    source_channels: int
    direction: str
    cache: Path
    cache_limit_gb: float

    def open(self, files: PairFiles) -> TensorSamples:
        """Return the samples of the files, decoded first where that was not done before.

        Raises:
            SettingError: they are too many for the cache, or it cannot be written.
            GanworksError: a file that cannot be read, or whose halves differ in width; names it.
        """
        how, values = self.how, self.how.value_range
        shape = (len(files), self.source_channels + how.channels, *how.size)
        told = how.size, how.channels, self.source_channels, self.direction, how.max_pixels
        scaled = ["range", *values] if isinstance(values, tuple) else []
        key = "pairs-" + files.fingerprint(*told, *scaled, *how.extra_key)
        write = partial(self.write, files)
        both = open_kept(self.cache, self.cache_limit_gb, key, shape, write, how.torch_dtype)
        return TensorSamples(both[:, self.source_channels :], source=both[:, : self.source_channels])

    def write(self, files: PairFiles, folder: Path) -> None:
        """Write the pairs to ``folder``, one after the other, the source before the real sample."""
        named = ImageFiles(files.root, files.first)
        # `read` names the file itself: it may be that of the other side.
        write_all(named, lambda index, _: self.read(files, index), folder, lambda _, error: error)

    def read(self, files: PairFiles, index: int) -> Tensor:
        """Return a pair (source_channels + channels, height, width)."""
        names, parts = [files.first[index], files.second[index]], [WHOLE, WHOLE]
        if files.are_side_by_side:
            check_even(files.root / names[0], self.how.max_pixels)
            parts = [*HALVES]
        if self.direction == "BtoA":
            names, parts = names[::-1], parts[::-1]
        images = []
        for name, part, channels in zip(names, parts, (self.source_channels, self.how.channels), strict=True):
            try:
                images.append(decode_part(files.root / name, replace(self.how, channels=channels), part))
            except Exception as error:
                path = files.root / name
                raise GanworksError(f"{path} cannot be read: {reason(error, path)}") from error
        return torch.cat(images)


def check_even(path: Path, max_pixels: int) -> None:
    """Raise `GanworksError` unless the two halves of an image file have the same width."""
    try:
        _, width = read_size(path, max_pixels)
    except Exception as error:
        raise GanworksError(f"{path} cannot be read: {reason(error, path)}") from error
    if width % 2:
        raise GanworksError(
            f"{path} is {width} pixels wide: a file with A and B side by side has an even width."
        )
