"""Images in the tar shards of WebDataset, found once and then read where they lie, in any order."""

from __future__ import annotations

import json
import logging
import re
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ganworks.bar import Bar
from ganworks.data.blob import Names, Stored, StoredBlobs
from ganworks.data.decode import SUFFIXES
from ganworks.data.extras import extra
from ganworks.data.files import natural, walk
from ganworks.data.label_file import number_or_text
from ganworks.data.packed import NONE
from ganworks.data.split import ALL, AUTO, choose_split
from ganworks.errors import GanworksError, SettingError, nearest

log = logging.getLogger(__name__)

COMPRESSED = (".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst")
LABEL_FIELDS = ("cls", "json.label")  # where labels are looked for
MAX_FIELD = 2**20  # bytes of a field with a label
WORDS = "a shard (.tar), a folder of shards, or a pattern of them such as 'shards/{0000..0099}.tar'"


def find_shards(root: str | Path | None, split: str = ALL) -> list[Path]:
    """Return the shards that ``root`` names, in the order of their names with numbers as numbers.

    Args:
        root: a shard, a folder of shards, or a pattern: numbers in braces, as WebDataset writes them, or wildcards.
        split: "auto" (of ``train-000.tar, val-000.tar`` or folders ``train`` and ``val`` those for training), "all",
            or the beginning of their names.

    Raises:
        SettingError: there are none, or some of them are missing.
    """
    if root is None:
        raise SettingError("root", root, WORDS)
    text = str(root)
    if "::" in text or "://" in text or text.startswith("pipe:"):
        raise SettingError("root", root, f"{WORDS}, on this machine")
    folder = Path(root).expanduser()
    if folder.is_dir():
        found = [path for path in walk(folder) if path.name.endswith((".tar", *COMPRESSED))]
        return of_split(folder, sorted(map(str, found), key=natural), split)
    if "{" in text:
        found = list(map(Path, extra("braceexpand", "webdataset").braceexpand(str(folder))))
    elif not folder.is_file() and (wild := glob(str(folder))):  # noqa: PTH207 - an absolute pattern
        found = list(map(Path, sorted(wild, key=natural)))
    else:
        found = [folder]
    if missing := [path for path in found if not path.is_file()]:
        near = (
            nearest(folder.name, [path.name for path in folder.parent.glob("*")]) if len(found) == 1 else None
        )
        told = f"{WORDS}; {len(missing)} of {len(found)} are missing, such as {missing[0]}"
        raise SettingError("root", root, told, [str(folder.parent / near)] if near else [])
    return of_split(folder, list(map(str, found)), split)


def of_split(folder: Path, found: Sequence[str], split: str) -> list[Path]:
    """Return those of the shards ``found`` that are trained on; raise `SettingError` where none can be read."""
    if packed := [path for path in found if path.endswith(COMPRESSED)]:
        told = f"shards that are not compressed, as any image is read at any time: {packed[0]} is; unpack it to .tar"
        raise SettingError("root", folder, told)
    if not found:
        raise SettingError("root", folder, f"{WORDS}: no .tar file is in it")
    paths = list(map(Path, found))
    beginnings = {path: beginning(path, folder) for path in paths}
    splits = sorted(set(beginnings.values()) - {""})
    is_mixed = "" in beginnings.values()  # some shards are of no split
    chosen = None if is_mixed and split == AUTO else choose_split(str(folder), splits, split, False)
    return paths if chosen is None else [path for path in paths if beginnings[path] == chosen]


def beginning(path: Path, folder: Path) -> str:
    """Return the folder of a shard below ``folder``, or the letters that its name begins with.

    >>> beginning(Path("a/train-0001.tar"), Path("a")), beginning(Path("a/val/7.tar"), Path("a"))
    ('train', 'val')
    """
    if path.is_relative_to(folder) and len(parts := path.relative_to(folder).parts) > 1:
        return parts[0]
    letters = re.match(r"[^\W\d_]*", path.name)
    return letters.group() if letters else ""


@dataclass
class Index:
    """What the shards hold: a row for each sample with an image.

    Args:
        names: of the images, with their shard before them.
        labels: as they are written; None where a sample has none.
        num_without: samples without an image.
    """

    names: list[str] = field(default_factory=list)
    pack: list[int] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    num_without: int = 0

    def __post_init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, name: str, pack: int, start: int, size: int, label: Any) -> None:
        """Add a row; a name that was there before gets a number."""
        self.counts[name] += 1
        self.names.append(name if self.counts[name] == 1 else f"{name} ({self.counts[name]})")
        self.pack.append(pack)
        self.start.append(start)
        self.size.append(size)
        self.labels.append(label)

    def save(self, folder: Path) -> None:
        """Write it to an empty folder."""
        names = Names.of(self.names)
        pack, start, size = (np.array(each, np.int64) for each in (self.pack, self.start, self.size))
        np.savez(folder / "index.npz", text=names.text, ends=names.ends, pack=pack, start=start, size=size)
        content = {"labels": self.labels, "num_without": self.num_without}
        (folder / "labels.json").write_text(json.dumps(content), encoding="utf-8")


def load_index(folder: Path, shards: Sequence[Path]) -> tuple[Names, StoredBlobs, list[Any], int]:
    """Return names, contents and labels of what `Index.save` wrote, and how many samples have no image."""
    with np.load(folder / "index.npz", allow_pickle=False) as file:
        names = Names(file["text"], file["ends"])
        pack, start, size = (file[name] for name in ("pack", "start", "size"))
    content = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    blobs = StoredBlobs(list(shards), pack, start, size, np.zeros(len(names), bool))
    return names, blobs, content["labels"], content["num_without"]


def write_index(
    shards: Sequence[Path], names: Sequence[str], image: str | None, label_source: str, folder: Path
) -> None:
    """Look through shards and write their `Index` to ``folder``.

    Args:
        names: what the shards are called.
        image: the field with the image, or several with ";" between them; None takes what is one.
        label_source: the field with the label; see `label_of`.
    """
    index, total = Index(), sum(shard.stat().st_size for shard in shards)
    with Bar("Looking through the shards (MB)", total // 10**6) as bar:
        for number, (shard, called) in enumerate(zip(shards, names, strict=True)):
            for key, members in samples_of(shard):
                if (chosen := image_of(shard, key, members, image)) is None:
                    index.num_without += 1
                    continue
                label = label_of(shard, key, members, label_source)
                name = f"{called}/{key}.{chosen}"
                index.add(name, number, members[chosen].start, members[chosen].size, label)
            bar.advance(shard.stat().st_size // 10**6)
    index.save(folder)


def samples_of(shard: Path) -> Iterator[tuple[str, dict[str, Stored]]]:
    """Yield key and fields of each sample of a shard, as WebDataset groups its files.

    Raises:
        GanworksError: it is no whole tar file, or has a field twice.
    """
    split = extra("webdataset.tariterators", "webdataset").base_plus_ext
    key, members = None, dict[str, Stored]()
    for member in members_of(shard):
        base, suffix = split(member.name)
        if base is None or (member.name.startswith("__") and member.name.endswith("__")):
            continue
        if base != key:
            if members:
                yield str(key), members
            key, members = base, {}
        if suffix.lower() in members:
            raise GanworksError(f"{shard}: the sample {base!r} has {suffix!r} twice.")
        members[suffix.lower()] = member
    if members:
        yield str(key), members


def members_of(shard: Path) -> Iterator[Stored]:
    """Yield the regular files of a tar file."""
    try:
        with tarfile.open(shard, "r:") as file:
            while (entry := file.next()) is not None:
                file.members = []  # type: ignore[attr-defined]  # it would keep all of them
                if entry.isreg():
                    yield Stored(entry.name, entry.size, shard, entry.offset_data)
            rest = Stored("", tarfile.BLOCKSIZE, shard, file.offset)
    except tarfile.TarError as error:
        raise GanworksError(f"{shard} is no whole tar file: {error}.") from error
    if file.offset < shard.stat().st_size and rest.read_bytes().strip(b"\0"):
        # The library ends without a word at a damaged header.
        raise GanworksError(f"{shard} is no whole tar file: it is damaged at byte {file.offset:,}.")


def image_of(shard: Path, key: str, members: dict[str, Stored], image: str | None) -> str | None:
    """Return the field of a sample that is its image; None where it has none.

    Raises:
        SettingError: it has several, and nobody said which.
    """
    if image is not None:
        return next((name for name in image.lower().split(";") if name in members), None)
    found = [name for name in members if PurePosixPath(f"x.{name}").suffix in SUFFIXES]
    if len(found) > 1:
        told = f"one of {', '.join(found)}: the sample {key!r} of {shard} has them all"
        raise SettingError("image", image, told, found)
    return found[0] if found else None


def label_of(shard: Path, key: str, members: dict[str, Stored], label_source: str) -> Any:
    """Return the label of a sample as it is written; None where it has none.

    Args:
        label_source: "cls" or another field, "json.label" for the entry ``label`` of the field ``json``, "auto" for
            one of `LABEL_FIELDS`, "none".
    """
    for source in LABEL_FIELDS if label_source == AUTO else (label_source,):
        name, _, entry = source.partition(".")
        name, entry = (source, "") if source in members else (name, entry)
        if source == NONE or name not in members:
            continue
        if (member := members[name]).size > MAX_FIELD:
            raise GanworksError(
                f"{shard}: the field {name!r} of {key!r} has {member.size:,} bytes, too many for a label."
            )
        label = parsed(shard, f"{key}.{name}", member.read_bytes(), name.endswith("json"))
        label = label.get(entry) if entry and isinstance(label, dict) else None if entry else label
        if label is not None:
            return label
    return None


def parsed(shard: Path, name: str, content: bytes, is_json: bool) -> Any:
    """Return the content of a field as JSON, a number or a text."""
    try:
        text = content.decode("utf-8").strip()
        return json.loads(text) if is_json else number_or_text(text)
    except ValueError as error:
        raise GanworksError(f"{shard}: {name} is no label that can be read: {error}.") from error
