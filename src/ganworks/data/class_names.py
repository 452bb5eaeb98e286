"""Classes by name: which of them have an image, and in which order they are numbered."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import torch

from ganworks.data.files import ImageFiles
from ganworks.errors import SettingError

log = logging.getLogger(__name__)


def settle_classes(files: ImageFiles, names: Sequence[str] | None, wanted: int | None = None) -> ImageFiles:
    """Return readable ``files`` whose classes are those ``names``, in their order.

    Without names, or a number of classes that counts them, those that no image has are no classes.

    Args:
        names: of the classes, all that there are; None leaves the order as it is.
        wanted: the number of classes that was asked for; None does not ask.

    Raises:
        SettingError: the classes have no names, or other ones.
    """
    if names is None and wanted == len(files.classes):
        return files
    if files.label_kind == "class" and files.classes and files.labels is not None:
        files = without_empty(files, names)
    if names is None:
        return files
    wished = [str(name) for name in names]
    if not files.classes:
        raise SettingError("classes", wished, f"null: the labels of {files.root} are no names of classes")
    more, fewer = sorted({*files.classes} - {*wished}), sorted({*wished} - {*files.classes})
    if more or fewer or len(wished) != len(files.classes):
        parts = [f"it has {', '.join(more[:5])} too"] * bool(more)
        parts += [f"it has no {', '.join(fewer[:5])}"] * bool(fewer)
        parts = parts or ["one comes twice"]
        allowed = (
            f"null or the {len(files.classes)} classes of {files.root} in any order: {' and '.join(parts)}"
        )
        raise SettingError("classes", f"[{', '.join(wished)}]", allowed)
    return renumbered(files, wished)


def without_empty(files: ImageFiles, kept: Sequence[str] | None) -> ImageFiles:
    """Return ``files`` without the classes that no image has, and say which those are; ``kept`` stay."""
    assert files.labels is not None
    there = torch.bincount(files.labels, minlength=len(files.classes)).bool().tolist()
    wished = {str(name) for name in kept or ()}
    empty = [name for name, is_there in zip(files.classes, there, strict=True) if not is_there]
    if not (dropped := [name for name in empty if name not in wished]):
        return files
    log.warning(
        "%s: no image of %s can be read, which %s no class",
        *(files.root, ", ".join(dropped[:5]), "are" if len(dropped) > 1 else "is"),
    )
    return renumbered(files, [name for name in files.classes if name not in dropped])


def renumbered(files: ImageFiles, names: Sequence[str]) -> ImageFiles:
    """Return ``files`` with their classes, or those of them that occur, numbered in the order of ``names``."""
    names = tuple(names)
    if names == tuple(files.classes) or files.labels is None:
        return files
    places = [list(files.classes).index(name) for name in names]
    if files.labels.is_floating_point():
        return replace(files, labels=files.labels[:, places], classes=names, num_classes=len(names))
    numbers = torch.full((len(files.classes),), -1)
    numbers[places] = torch.arange(len(names))
    return replace(files, labels=numbers[files.labels], classes=names, num_classes=len(names))
