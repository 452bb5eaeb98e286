"""A folder of image files: found, labelled, and read one by one."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganworks.data.decode import SUFFIXES, decode
from ganworks.errors import SettingError, nearest


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
            status = self.path(index).stat()
            digest.update(
                f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape")
            )
        return digest.hexdigest()


class FileSamples:
    """Images that are decoded whenever they are read: for folders too large for the cache.

    A file that cannot be decoded after all is replaced by the next one that can, always the same.
    """

    def __init__(self, files: ImageFiles, resolution: int, channels: int) -> None:
        self.files, self.resolution, self.channels = files, resolution, channels
        self.labels = files.labels

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        """Return one image: uint8 (C, H, W)."""
        for step in range(len(self)):
            try:
                return decode(self.files.path((index + step) % len(self)), self.resolution, self.channels)
            except Exception as error:
                cause = error
        raise SettingError("root", self.files.root, f"a folder with readable images ({cause})")

    def read(self, indices: Tensor) -> Tensor:
        """Return the images at ``indices``: uint8 (B, C, H, W)."""
        return torch.stack([self[index] for index in indices.tolist()])


def find_images(root: str | Path | None) -> ImageFiles:
    """Find all images under ``root``, in sorted order; hidden files and folders are passed over.

    When every image lies in a subfolder, of two or more, the first-level subfolders are the classes, in natural order.

    Raises:
        SettingError: ``root`` is not a folder (the nearest sibling is offered) or holds no image.
    """
    folder = check_folder(root)
    found, others = [], 0
    seen: set[str] = set()  # links to folders are followed, but no folder is entered twice
    for parent, subfolders, files in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(parent)) in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__MACOSX")))
        names = [Path(parent, name) for name in files if not name.startswith(".")]
        images = [path for path in names if path.suffix.lower() in SUFFIXES]
        found += [path.relative_to(folder).as_posix() for path in images]
        others += len(names) - len(images)
    if not found:
        instead = f"it has {others} other files" if others else "it is empty"
        raise SettingError("root", root, f"a folder with images (jpg, png, webp, bmp, tif, ...): {instead}")
    return label_by_folder(ImageFiles(folder, sorted(found)))


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
