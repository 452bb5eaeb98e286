"""A folder of image files: found, and labelled by its subfolders."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganworks.data.decode import SUFFIXES
from ganworks.data.planes import ARRAY
from ganworks.errors import SettingError, nearest

log = logging.getLogger(__name__)

LABEL_FILES = ("labels.csv", "labels.json", "dataset.json")
# fmt: off
OTHER_PICTURES = frozenset([  # what people take for images too, and is not read
    ".heic", ".heif", ".hif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".raw", ".psd",
    ".svg", ".eps", ".exr", ".hdr", ".dcm", ".nii", ".npy", ".npz", ".mp4", ".mov", ".webm", ".pdf", ".zip", ".tar",
])
# fmt: on


@dataclass(frozen=True)
class ImageFiles:
    """Image files under ``root``, by relative name, and their labels.

    Args:
        root: the folder.
        names: of the files, relative to it.
        labels: classes int64 (N,), also as a list; float32 (N, K) of several classes or vectors; None without labels.
        classes: the names of the classes in the order of their numbers; empty where they have none.
        label_kind: "class", "multi" or "vector", see `GanDataModule.label_kind`; "none" without labels.
        num_classes: number of classes, or K; 0 counts ``classes``.
    """

    root: Path
    names: Sequence[str]
    labels: Tensor | None = None
    classes: Sequence[str] = ()
    label_kind: str = "class"
    num_classes: int = 0

    def __post_init__(self) -> None:
        labels = self.labels
        if labels is not None and not isinstance(labels, Tensor):
            labels = torch.tensor(labels, dtype=torch.int64) if len(labels) else None
        settled = {
            "labels": labels,
            "label_kind": "none" if labels is None else self.label_kind,
            "num_classes": self.num_classes or len(self.classes),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)  # the dataclass is frozen

    def __len__(self) -> int:
        return len(self.names)

    def path(self, index: int) -> Path:
        """Return the path of a file."""
        return self.root / self.names[index]

    def only(self, indices: Sequence[int]) -> ImageFiles:
        """Return these files alone; the classes stay."""
        labels = None if self.labels is None else self.labels[list(indices)]
        return replace(self, names=[self.names[i] for i in indices], labels=labels)

    def fingerprint(self, *settings: object) -> str:
        """Return a hash of names, sizes, times of change, and ``settings``."""
        digest = hashlib.blake2b(repr(settings).encode(), digest_size=16)
        for index, name in enumerate(self.names):
            size, changed = size_and_time(self.path(index))
            digest.update(f"{name}\0{size}\0{changed}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()


def size_and_time(path: Path) -> tuple[int, int]:
    """Return the bytes of a file and its time of change in ns; -1 and 0 where a link leads nowhere."""
    try:
        status = path.stat()
    except OSError:
        return -1, 0
    return status.st_size, status.st_mtime_ns


def find_images(root: str | Path | None) -> ImageFiles:
    """Find all images under ``root``, in sorted order; hidden files and folders are passed over.

    Where there are no others, arrays (.npy) are the images.

    When every image lies in a subfolder, of two or more, the first-level subfolders are the classes, in natural order.
    Other files are counted by suffix, and subfolders without an image named, in the log.

    Raises:
        SettingError: ``root`` is not a folder (the nearest sibling is offered) or holds no image.
    """
    folder = check_folder(root)
    found: list[str] = []
    arrays: list[str] = []
    others: Counter[str] = Counter()
    for path in walk(folder):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() in SUFFIXES:
            found.append(name)
        elif name not in LABEL_FILES:
            others[path.suffix.lower() or "no suffix"] += 1
            arrays += [name] * (path.suffix.lower() == ARRAY)
    if not found:  # beside pictures an array may be anything
        found = arrays
        others.pop(ARRAY, None)
    if not found:
        num = others.total()
        instead = f"it has {num} other files ({by_suffix(others)})" if num else "it is empty"
        raise SettingError(
            "root", root, f"a folder with images (jpg, png, webp, bmp, tif, ..., or npy): {instead}"
        )
    tell_passed_over(folder, found, others)
    return label_by_folder(ImageFiles(folder, sorted(found)))


def walk(folder: Path) -> Iterator[Path]:
    """Yield all files under a folder that are not hidden; links to folders are followed, but none is entered twice."""
    seen: set[str] = set()
    for parent, subfolders, files in os.walk(folder, followlinks=True, onerror=tell_unreadable):
        if (real := os.path.realpath(parent)) in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__MACOSX")))
        yield from (Path(parent, name) for name in files if not name.startswith("."))


def tell_unreadable(error: OSError) -> None:
    """Say that the images in a folder are missing, as it may not be read."""
    log.warning("%s cannot be read, and its images are left out (%s)", error.filename, error.strerror)


def tell_passed_over(folder: Path, found: Sequence[str], others: Counter[str]) -> None:
    """Say how many files are no images that can be read, and which subfolders have none that can."""
    if others:
        are_pictures = any(suffix in OTHER_PICTURES for suffix in others)
        hint = "; convert the pictures among them to PNG or JPEG" if are_pictures else ""
        level = logging.WARNING if are_pictures else logging.INFO
        num, whole = others.total(), others.total() + len(found)
        text = "%s: %s of %s files are passed over, as they are no images that can be read: %s%s"
        log.log(level, text, folder, f"{num:,}", f"{whole:,}", by_suffix(others), hint)
    used = {name.split("/")[0] for name in found}
    subfolders = (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    empty = sorted((path.name for path in subfolders if path.name not in used), key=natural)
    if empty and len(used) > 1:
        more = ", ..." if len(empty) > 5 else ""
        log.warning(
            "%s: no image in %s%s, which %s no class",
            *(folder, ", ".join(empty[:5]), more, "are" if len(empty) > 1 else "is"),
        )


def by_suffix(others: Counter[str]) -> str:
    """Return how many files have which suffix, the most common first."""
    named = [f"{num:,} {suffix}" for suffix, num in others.most_common(5)]
    rest = others.total() - sum(num for _, num in others.most_common(5))
    return ", ".join([*named, *[f"{rest:,} others"] * bool(rest)])


def natural(name: str) -> tuple[Any, ...]:
    """Return what sorts names so that numbers in them count as numbers.

    >>> sorted(["10", "2", "b10", "b9"], key=natural)
    ['2', '10', 'b9', 'b10']
    """
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def label_by_folder(files: ImageFiles, order: Callable[[str], Any] = natural) -> ImageFiles:
    """Label the files by their first-level subfolder where they all have one and there are two or more.

    Args:
        order: the key by which the names of the classes are sorted.
    """
    parents = [name.split("/")[0] if "/" in name else "" for name in files.names]
    classes = sorted(set(parents), key=order)
    if "" in classes or len(classes) < 2:
        return ImageFiles(files.root, files.names)
    number = {name: label for label, name in enumerate(classes)}
    labels = torch.tensor([number[parent] for parent in parents], dtype=torch.int64)
    return ImageFiles(files.root, files.names, labels, classes)


def check_folder(root: str | Path | None) -> Path:
    """Return ``root`` as a path; raise `SettingError`, with the nearest sibling, unless it is a folder."""
    if root is None:
        raise SettingError("root", root, "the folder of your images")
    folder = Path(root).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise SettingError("root", root, "a folder, and this is a file; unpack it if it is an archive")
    parent = folder.parent
    siblings = [path.name for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
    near = nearest(folder.name, siblings)
    raise SettingError("root", root, "a folder that exists", [str(parent / near)] if near else [])
