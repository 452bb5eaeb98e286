"""Images in a zip file, read where they lie: the layout of StyleGAN's data sets, or a folder that was zipped."""

from __future__ import annotations

import logging
import struct
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from ganworks.data.blob import Names, StoredBlobs
from ganworks.data.decode import SUFFIXES
from ganworks.data.files import LABEL_FILES, ImageFiles, by_suffix, find_images, label_by_folder
from ganworks.data.split import ALL, choose_split, find_split
from ganworks.errors import GanworksError, SettingError

log = logging.getLogger(__name__)

HEADER = struct.Struct("<4s22xHH")  # what lies before the content: APPNOTE.TXT of PKWARE, section 4.3.7
METHODS = {zipfile.ZIP_STORED: False, zipfile.ZIP_DEFLATED: True}
RARE = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma", 9: "deflate64", 93: "zstd", 95: "xz"}
HIDDEN = (".", "__MACOSX")


@dataclass(frozen=True)
class ZipFiles(ImageFiles):
    """Images of a zip file, by their names below the folder ``top`` of it."""

    top: str = ""

    @property
    def place(self) -> zipfile.Path:
        return zipfile.Path(self.root, self.top)


def is_zip(root: str | Path) -> bool:
    """Say whether ``root`` is a file that is called a zip file, or is one."""
    if not (path := Path(root).expanduser()).is_file():
        return False
    return path.suffix.lower() == ".zip" or zipfile.is_zipfile(path)


def find_all(root: str | Path | None, split: str = ALL) -> ImageFiles:
    """Find all images in a folder or in a zip file, as `find_images` and `find_in_zip` do."""
    if root is not None and is_zip(root):
        return find_in_zip(root, split)
    return find_images(find_split(root, split))


def find_in_zip(root: str | Path, split: str = ALL) -> ImageFiles:
    """Find all images in a zip file, in sorted order, as `find_images` does in a folder.

    A single folder at the top that holds everything is passed over: zipping a folder makes one. Nothing is unpacked on
    the disk.

    Args:
        split: see `find_split`.

    Raises:
        SettingError: it holds no image, or not the split that is asked for.
        GanworksError: the file is damaged, or packed in a way that is not read.
    """
    path = Path(root).expanduser()
    try:
        with zipfile.ZipFile(path) as file:
            entries = {each.filename: each for each in file.infolist() if not each.is_dir()}
            entries = {name: each for name, each in entries.items() if not is_hidden(name)}
            top = top_of(list(entries), split)
            chosen = choose_split(
                f"{path}/{top}", inner_folders(entries, top), split, has_labels(entries, top)
            )
            top = top if chosen is None else f"{top}{chosen}/"
            names, others = names_below(entries, top)
            if not names:
                told = (
                    f"it has {others.total()} other files ({by_suffix(others)})" if others else "it is empty"
                )
                raise SettingError(
                    "root", root, f"a zip file with images (jpg, png, webp, bmp, tif, ...): {told}"
                )
            found = [entries[top + name] for name in names]
            blobs = locate(path, file, found)
    except zipfile.BadZipFile as error:
        raise GanworksError(f"{path} is no whole zip file: {error}.") from error
    if others:
        log.info("%s: %s files in it are no images: %s", path, f"{others.total():,}", by_suffix(others))
    return label_by_folder(ZipFiles(path, Names.of(names), blobs=blobs, top=top))


def is_hidden(name: str) -> bool:
    """Say whether a file or a folder around it is hidden, or left by the tools of a system."""
    return any(part.startswith(HIDDEN) for part in name.split("/"))


def top_of(names: Sequence[str], split: str) -> str:
    """Return the one folder, with its slash, that holds all of ``names``; "" without one, or where it is the split."""
    first = {name.partition("/")[0] for name in names}
    is_one = len(first) == 1 and "/" in names[0] and first != {split}
    return f"{next(iter(first))}/" if is_one else ""


def inner_folders(names: Sequence[str] | dict[str, zipfile.ZipInfo], top: str) -> list[str]:
    """Return the folders in the folder ``top``."""
    inner = (name.removeprefix(top) for name in names)
    return sorted({name.split("/")[0] for name in inner if "/" in name})


def has_labels(names: Sequence[str] | dict[str, zipfile.ZipInfo], top: str) -> bool:
    """Say whether a file with labels lies in the folder ``top``."""
    return any(top + name in names for name in LABEL_FILES)


def names_below(names: dict[str, zipfile.ZipInfo], top: str) -> tuple[list[str], Counter[str]]:
    """Return the images below ``top`` in sorted order, and how many other files there are by suffix."""
    images, others = [], Counter[str]()
    for name in names:
        suffix = PurePosixPath(name).suffix.lower()
        if not name.startswith(top):
            continue
        if suffix in SUFFIXES:
            images.append(name.removeprefix(top))
        elif name.removeprefix(top) not in LABEL_FILES:
            others[suffix or "no suffix"] += 1
    return sorted(images), others


def locate(path: Path, file: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo]) -> StoredBlobs:
    """Return where the contents of ``entries`` begin, behind a header each whose length its first bytes say."""
    starts = np.empty(len(entries), np.int64)
    with path.open("rb") as handle:
        for index, entry in enumerate(entries):
            check_readable(path, entry)
            handle.seek(entry.header_offset)
            begin, num_name, num_extra = HEADER.unpack(handle.read(HEADER.size).ljust(HEADER.size, b"\0"))
            if begin != b"PK\3\4":
                raise zipfile.BadZipFile(f"there is no file where {entry.filename!r} should be")
            starts[index] = entry.header_offset + HEADER.size + num_name + num_extra
    sizes = np.array([entry.compress_size for entry in entries], np.int64)
    deflated = np.array([METHODS[entry.compress_type] for entry in entries])
    return StoredBlobs([path], np.zeros(len(entries), np.int64), starts, sizes, deflated)


def check_readable(path: Path, entry: zipfile.ZipInfo) -> None:
    """Raise `GanworksError` for what is encrypted or packed by a rare method."""
    if entry.flag_bits & 1:
        raise GanworksError(
            f"{path}: {entry.filename!r} is encrypted; unpack it and zip it without a password."
        )
    if entry.compress_type not in METHODS:
        method = RARE.get(entry.compress_type, f"method {entry.compress_type}")
        raise GanworksError(
            f"{path}: {entry.filename!r} is packed by {method}; zip it by 'deflate' or 'store', which is read."
        )
