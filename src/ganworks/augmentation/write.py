"""What stays of it: reals and fakes in a folder by class, the figures as JSON, one picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganworks.augmentation.lines import Labelled
from ganworks.data import FewLabels
from ganworks.errors import SettingError
from ganworks.sample.kind import Image
from ganworks.staged import write_text


def check_out(out: Path) -> None:
    """Raise `SettingError` unless ``out`` is a folder that is still to be made, or is empty."""
    if out.suffix.lower() in (".png", ".jpg", ".zip", ".npy", ".json"):
        raise SettingError("out", out, "a folder: the images lie in it by class")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingError("out", out, "a new folder or an empty one: nothing is overwritten")
    for path in (beside(out, ".json"), beside(out, ".png")):
        if path.exists():
            raise SettingError("out", out, f"another name: {path} is there already, and is not overwritten")


def check_outside(out: Path, data: FewLabels) -> None:
    """Raise `SettingError` where ``out`` lies in a folder that is trained or measured on: it would be read as data."""
    for each in (data.source, data.test):
        root = getattr(each, "root", None)
        if root is None:
            continue
        folder, inner = Path(root).resolve(), out.resolve()
        if folder == inner or folder in inner.parents:
            raise SettingError("out", out, f"a folder outside of {root}, which is read as data")


def beside(out: Path, suffix: str) -> Path:
    """Return the file beside the folder ``out`` that has its name."""
    return out.with_name(out.name + suffix)


def write_folder(
    out: Path, real: Labelled, fake: Labelled, names: Sequence[str], dtype: str = "uint8"
) -> int:
    """Write images as ``out/CLASS/real_000000.png`` and ``fake_000000.png``; return how many.

    ``data=folder data.root=OUT`` reads them: the folders are the classes.
    """
    kind, num = Image(dtype), 0
    for word, images in (("real", real), ("fake", fake)):
        for label, name in enumerate(names):
            own = images.of([label])
            folder = out / safe(name)
            folder.mkdir(parents=True, exist_ok=True)
            for index, image in enumerate(own.images):
                kind.save(image, folder / f"{word}_{index:06d}")
            num += len(own.labels)
    return num


def safe(name: str) -> str:
    """Return the name of a class as that of a folder.

    >>> safe("cat/dog"), safe("..")
    ('cat_dog', '_')
    """
    return name.replace("/", "_").replace("\\", "_").strip(". ") or "_"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write figures and settings."""
    write_text(path, json.dumps(content, indent=2) + "\n")
