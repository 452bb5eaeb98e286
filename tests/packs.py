"""The same images as a folder, a zip file, shards and tables."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("ant", "bee", "cat")


def write_folder(folder: Path, num: int = 24, size: tuple[int, int] = (11, 9), suffix: str = "png") -> Path:
    """Write noisy images (height, width) in a folder a class, and return the folder."""
    draws = np.random.default_rng(0)
    for index in range(num):
        path = folder / CLASSES[index % len(CLASSES)] / f"{index:03}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draws.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
    return folder


def names_of(folder: Path) -> list[str]:
    """Return the images of a folder as they are ordered."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*") if path.is_file())


def write_zip(folder: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Zip a folder."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", method) as file:
        for name in names_of(folder):
            file.write(folder / name, name)
    return path


def write_shards(folder: Path, num: int = 7) -> Path:
    """Write shards of ``num`` samples by the library, with the number of the class as ``cls``."""
    from webdataset import ShardWriter

    shards = folder.with_name("shards")
    shards.mkdir()
    with ShardWriter(str(shards / "part-%03d.tar"), maxcount=num, verbose=0) as writer:
        for name in names_of(folder):
            label = CLASSES.index(name.split("/")[0])
            content = (folder / name).read_bytes()
            writer.write({"__key__": name.rpartition(".")[0], name.rpartition(".")[2]: content, "cls": label})
    return shards


def to_table(folder: Path):  # type: ignore[no-untyped-def]
    """Return a `datasets.Dataset` of a folder, with the bytes of the files in it."""
    import datasets

    names = names_of(folder)
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(CLASSES))}
    )
    rows = {
        "image": [{"bytes": (folder / name).read_bytes(), "path": None} for name in names],
        "label": [CLASSES.index(name.split("/")[0]) for name in names],
    }
    return datasets.Dataset.from_dict(rows, features=features)


def write_parquet(folder: Path) -> Path:
    """Write a table of a folder as parquet."""
    path = folder.with_suffix(".parquet")
    to_table(folder).to_parquet(path)
    return path


def write_saved(folder: Path) -> Path:
    """Write a table of a folder as ``save_to_disk`` does."""
    path = folder.with_name("saved")
    to_table(folder).save_to_disk(path)
    return path
