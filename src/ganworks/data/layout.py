"""Folders with two sides, A and B: where each lies, what is trained on and what is measured with."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from ganworks.data.decode import SUFFIXES
from ganworks.data.split import NAMES, TRAIN
from ganworks.errors import SettingError

log = logging.getLogger(__name__)

SIDES = {"A", "B"}
LAYOUTS = "a folder with A and B, trainA and trainB, or train with A and B"
Sides = tuple[Path, Path]


@dataclass(frozen=True)
class Layout:
    """Where the two sides lie.

    Args:
        train: the folders of A and B.
        held_out: those of the samples to measure with, if there are some.
    """

    train: Sides
    held_out: Sides | None = None


def find_sides(folder: Path) -> Layout | None:
    """Return where A and B lie in a folder; None where it has no sides.

    - ``A`` and ``B``, perhaps each with ``train`` and ``test``;
    - ``trainA`` and ``trainB``, perhaps ``testA`` and ``testB``;
    - ``train`` with ``A`` and ``B``, perhaps ``test`` with ``A`` and ``B``.

    Instead of ``test`` there may be ``val``, or another name of `NAMES`.

    Raises:
        SettingError: one of two sides is missing.
    """
    there = subfolders(folder)
    if there & SIDES:
        return by_split(both(folder / "A", folder / "B"))
    for train in TRAIN:
        if there & {f"{train}A", f"{train}B"}:
            apart = held_out_name({name[:-1] for name in there if name[-1] in SIDES})
            held_out = None if apart is None else both(folder / f"{apart}A", folder / f"{apart}B")
            return Layout(both(folder / f"{train}A", folder / f"{train}B"), held_out)
        if train in there and (sides := subfolders(folder / train)) and sides <= SIDES:
            apart = held_out_name(there)
            held_out = None if apart is None else both(folder / apart / "A", folder / apart / "B")
            return Layout(both(folder / train / "A", folder / train / "B"), held_out)
    return None


def by_split(sides: Sides) -> Layout:
    """Return two sides as they are, or what their subfolders for training, test and validation say.

    Raises:
        SettingError: a side lacks one of these.
    """
    there = subfolders(sides[0]) | subfolders(sides[1])
    train = next((name for name in sorted(there) if name.lower() in TRAIN), None)
    if train is None or not NAMES.issuperset(name.lower() for name in there):
        return Layout(sides)
    for side in sides:
        stray = sorted(path.name for path in side.iterdir() if path.suffix.lower() in SUFFIXES)
        if stray:
            log.warning(
                "%s: %d images beside the splits are left out, such as %s", side, len(stray), stray[0]
            )
    apart = held_out_name(there)
    held_out = None if apart is None else both(sides[0] / apart, sides[1] / apart)
    return Layout(both(sides[0] / train, sides[1] / train), held_out)


def subfolders(folder: Path) -> set[str]:
    """Return the names of the folders in a folder, without the hidden ones."""
    return {path.name for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._"}


def held_out_name(there: set[str]) -> str | None:
    """Return the folder of samples to measure with: a test set before a validation set; None without either."""
    found = sorted(name for name in there if name.lower() in NAMES and name.lower() not in TRAIN)
    return next((name for name in found if name.lower().startswith("test")), found[0] if found else None)


def both(first: Path, second: Path) -> Sides:
    """Return two folders; raise `SettingError` where one is missing."""
    for path in (first, second):
        if not path.is_dir():
            raise SettingError("root", path.parent, f"{LAYOUTS}: {path.name} is missing")
    return first, second
