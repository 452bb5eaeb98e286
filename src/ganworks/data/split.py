"""Folders for training, validation and test: which of them is trained on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from ganworks.data.files import LABEL_FILES, check_folder
from ganworks.errors import SettingError

log = logging.getLogger(__name__)

ALL, AUTO = "all", "auto"
TRAIN = ("train", "training")
NAMES = frozenset([*TRAIN, "val", "valid", "validation", "dev", "test", "testing", "eval"])


def find_split(root: str | Path | None, split: str) -> str | Path | None:
    """Return the folder of the images to train on: ``root``, or one of the splits in it.

    Args:
        split: "all" (no subfolder is a split), "auto" (``train`` where the only subfolders are splits by their names
            and no label file lies beside them), or the name of a subfolder.

    Raises:
        SettingError: there is no such folder, or there are splits and none of them is for training.
    """
    if root is None or split == ALL or Path(root).is_file():  # splits in a zip file: `find_in_zip`
        return root
    folder = check_folder(root)
    subfolders = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._")
    is_labelled = any((folder / name).is_file() for name in LABEL_FILES)
    if (chosen := choose_split(str(folder), subfolders, split, is_labelled)) is None:
        return root
    if split != AUTO:
        return folder / chosen
    if stray := sorted(path.name for path in folder.iterdir() if not path.is_dir() and path.name[0] != "."):
        log.warning("%s: %d files beside the splits are left out, such as %s", folder, len(stray), stray[0])
    return folder / chosen


def choose_split(place: str, subfolders: Sequence[str], split: str, is_labelled: bool) -> str | None:
    """Return which of the ``subfolders`` is trained on; None where they are no splits.

    Args:
        place: the folder, for errors.
        split: see `find_split`.
        is_labelled: a label file lies beside them.

    Raises:
        SettingError: as `find_split`.
    """
    if split == ALL:
        return None
    if split != AUTO:
        if split not in subfolders:
            raise SettingError("split", split, f"auto, all or a folder in {place}", subfolders)
        return split
    if is_labelled or len(subfolders) < 2 or not NAMES.issuperset(name.lower() for name in subfolders):
        return None
    found = [name for name in subfolders if name.lower() in TRAIN]
    if len(found) != 1:
        allowed = f"{', '.join(subfolders)} or all: the folders in {place} are splits, and it says not which to take"
        raise SettingError("split", split, allowed)
    log.info(
        "%s: its folders %s are splits, and the images in %s are taken (data.split)",
        *(place, ", ".join(subfolders), found[0]),
    )
    return found[0]
