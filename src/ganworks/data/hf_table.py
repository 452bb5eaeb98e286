"""Data sets of Hugging Face on this machine: opened, one split of them chosen, their columns found."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ganworks.data.extras import extra
from ganworks.data.files import walk
from ganworks.data.packed import NONE
from ganworks.data.split import ALL, AUTO, TRAIN
from ganworks.errors import SettingError, nearest

log = logging.getLogger(__name__)

WORDS = "a data set of Hugging Face: a folder of save_to_disk, a .parquet or .arrow file, or a folder of such files"
FROM_HUB = "hf download --repo-type dataset NAME --local-dir FOLDER gets one of the Hub"
SAVED = ("state.json", "dataset_dict.json")  # what save_to_disk writes
LABELS = ("label", "labels")


def open_table(root: str | Path | None, split: str, cache: Path) -> tuple[Path, Any]:
    """Return ``root`` as a path, and the `datasets.Dataset` in it that is trained on.

    Args:
        split: "auto", "all", or a name.
        cache: folder for the copy that `datasets` makes of files that it cannot map into memory, such as parquet.

    Raises:
        SettingError: there is none, or it cannot be read; or not the split that is asked for.
    """
    if root is None:
        raise SettingError("root", root, f"{WORDS}. {FROM_HUB}")
    path = Path(root).expanduser()
    if not path.exists():
        near = nearest(path.name, [each.name for each in path.parent.glob("*")])
        raise SettingError(
            "root", root, f"{WORDS}, on this machine. {FROM_HUB}", [str(path.parent / near)] if near else []
        )
    library = extra("datasets", "hf")
    try:
        found = read(library, path, cache)
    except Exception as error:  # whatever the library raises for what it does not read
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise SettingError("root", root, f"{WORDS} ({lines[0]})") from error
    if isinstance(found, dict):
        found = choose(library, path, found, split)
    elif split not in (AUTO, ALL):
        raise SettingError("split", split, f"auto or all: {path} has no splits")
    if not len(found):
        raise SettingError("root", root, f"{WORDS} with rows; it has none")
    return path, found


def read(library: Any, path: Path, cache: Path) -> Any:
    """Return the data set at ``path``, or a mapping of its splits."""
    if path.suffix == ".arrow":
        return library.Dataset.from_file(str(path))
    if path.is_file():
        return library.load_dataset("parquet", data_files=[str(path)], split="train", cache_dir=str(cache))
    if any((path / name).exists() for name in SAVED):
        return library.load_from_disk(str(path))
    return library.load_dataset(str(path), cache_dir=str(cache))


def choose(library: Any, path: Path, splits: dict[str, Any], split: str) -> Any:
    """Return the split that is trained on."""
    names = list(splits)
    if split == ALL:
        return library.concatenate_datasets(list(splits.values()))
    if split == AUTO:
        found = names if len(names) == 1 else [name for name in names if name.lower() in TRAIN]
        if len(found) == 1:
            if len(names) > 1:
                log.info("%s: of its splits %s %s is taken (data.split)", path, ", ".join(names), found[0])
            return splits[found[0]]
    if split not in splits:
        raise SettingError("split", split, f"{', '.join(names)} or all, for {path}", names)
    return splits[split]


def image_column(table: Any, wanted: str | None) -> str:
    """Return the column with the images; raise `SettingError` where there is none, or nobody said which.

    Without a column of the type ``Image`` it is the only one of bytes, or of ``bytes`` and ``path``.
    """
    library = extra("datasets", "hf")
    typed = [name for name, kind in table.features.items() if isinstance(kind, library.Image)]
    found = typed or [name for name, kind in table.features.items() if is_bytes(kind)]
    if wanted is not None:
        kind = table.features.get(wanted)
        is_path = getattr(kind, "dtype", None) == "string"
        if wanted not in found and not is_path and not is_bytes(kind):
            allowed = f"a column with images; there are {columns(table.features) or 'none'}"
            raise SettingError("image", wanted, allowed, found)
        return wanted
    if len(found) != 1:
        allowed = (
            f"one of {columns(found)}"
            if found
            else f"a column with images; there are {columns(table.features)}"
        )
        raise SettingError("image", wanted, allowed)
    return found[0]


def is_bytes(kind: Any) -> bool:
    """Say whether a column holds bytes, or ``bytes`` and ``path`` as `datasets` keeps images."""
    return getattr(kind, "dtype", None) in ("binary", "large_binary") or (
        isinstance(kind, dict) and "bytes" in kind
    )


def label_column(table: Any, wanted: str) -> str:
    """Return the column with the labels, or "none"; raise `SettingError` for one that is not there."""
    if wanted == NONE or wanted in table.features:
        return wanted
    if wanted != AUTO:
        raise SettingError(
            "label_source", wanted, f"auto, none or one of {columns(table.features)}", table.features
        )
    typed = [name for name, kind in table.features.items() if getattr(kind, "names", None)]
    found = [name for name in LABELS if name in table.features] or typed
    if len(found) > 1:
        log.warning("no labels are taken, as %s all may be (data.label_source)", columns(found))
    return found[0] if len(found) == 1 else NONE


def columns(names: Iterable[str]) -> str:
    """Return names of columns for an error."""
    return ", ".join(names)


def files_of(root: Path) -> list[Path]:
    """Return the files that a data set is read from."""
    return sorted(walk(root)) if root.is_dir() else [root]
