"""What is measured on stays apart from what is trained on: folders that share no file, samples without copies."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from ganworks.data.base import GanDataModule
from ganworks.data.samples import Rows, Samples, as_fields, to_float
from ganworks.data.split import ALL, find_split
from ganworks.errors import SettingError

CHUNK = 500  # samples that are read at a time


def folder_of(data: GanDataModule) -> Path | None:
    """Return the folder or the file that a data set lies in, links resolved; None of one that has none."""
    root = getattr(data, "root", None)
    if root is None:
        return None
    if not Path(root).expanduser().is_dir():  # a zip file, or a pattern of shards
        return Path(root).expanduser().resolve()
    found = find_split(root, getattr(data, "split", ALL))
    return None if found is None else Path(found).resolve()


def check_apart(source: GanDataModule, test: GanDataModule) -> None:
    """Raise `SettingError` where the folder of ``test`` is, contains or lies in that of ``source``."""
    trained, tested = folder_of(source), folder_of(test)
    if trained is None or tested is None:
        return
    if trained == tested or trained in tested.parents or tested in trained.parents:
        allowed = f"a folder apart from {trained}, which is trained on: neither in it, nor around it"
        raise SettingError("test", tested, allowed)


def without(samples: Samples, known: Samples) -> Samples:
    """Return ``samples`` but for those of which ``known`` has an exact copy."""
    taken = set(digests(known))
    kept = [index for index, each in enumerate(digests(samples)) if each not in taken]
    return samples if len(kept) == len(samples) else Rows(samples, torch.tensor(kept, dtype=torch.long))


def digests(samples: Samples) -> list[bytes]:
    """Return a hash of the values of each sample, as they are in the networks' range."""
    found = []
    for rows in torch.arange(len(samples)).split(CHUNK):
        values = to_float(as_fields(samples.read(rows))["real"]).contiguous()
        found += [hashlib.blake2b(each.numpy().data, digest_size=16).digest() for each in values]
    return found
