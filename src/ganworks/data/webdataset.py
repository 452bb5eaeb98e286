"""Images in the shards of WebDataset: tar files with the parts of a sample one behind the other."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from ganworks.data.blob import hash_of_files
from ganworks.data.files import ImageFiles, label_by_folder
from ganworks.data.labels import FOLDERS
from ganworks.data.packed import HINT, NONE, Packed, labelled
from ganworks.data.shards import find_shards, load_index, write_index
from ganworks.data.split import AUTO
from ganworks.errors import SettingError

log = logging.getLogger(__name__)

FORMAT = 1  # of the index


class WebDataset(Packed):
    """Images in tar shards (https://github.com/webdataset/webdataset), in an order keyed by the seed.

    Where each image lies in which shard is looked up once and kept in the cache, so that any of them is read at any
    time: the order is one over all samples, as that of a folder, and does not depend on shards, workers or devices.

    Args:
        root: a shard, a folder of shards, or a pattern such as ``shards/{0000..0099}.tar``.
        image: the field with the image, such as "jpg", or several: "jpg;png".
        label_source: the field with the label, such as "cls" or "txt"; "json.NAME" for an entry of the field "json";
            "folders": the folders that keys begin with; "auto": "cls", "json.label" or folders; "none".
        split: "auto" takes ``train-*.tar`` where all shards are called after a split; "all"; or the letters that
            the names of the shards begin with, or the folder that they lie in.
        others: see `Packed`.
    """

    name = "webdataset"

    def find(self) -> ImageFiles:
        """Find the images, by the index of the shards in the cache."""
        shards = find_shards(self.root, self.split)
        place = common_folder(shards)
        names = [path.relative_to(place).as_posix() for path in shards]
        how = self.image, NONE if self.wanted_classes == 0 else self.label_source
        key = f"shards-{FORMAT}-{hash_of_files(shards, *names, *how)}"
        build = partial(write_index, shards, names, *how)
        index = self.cache.keep(key, build, lambda _: "it has no checksums")
        found, blobs, values, num_without = load_index(index, shards)
        if not len(found):
            what = f"the field {self.image!r}" if self.image else "an image (jpg, png, webp, ...)"
            raise SettingError(
                "root", self.root, f"shards whose samples have {what}; none of {num_without:,} has"
            )
        if num_without:
            log.warning("%s: samples without an image, which are left out: %s", self.root, f"{num_without:,}")
        root = shards[0] if len(shards) == 1 else place
        files = ImageFiles(root, found, blobs=blobs)
        if self.wanted_classes == 0 or self.label_source == NONE:
            return files
        files = by_key(files) if self.label_source == FOLDERS else labelled(files, values, self.label, HINT)
        if files.labels is None and self.label_source == AUTO:
            files = by_key(files)
        if files.labels is None and self.label_source != AUTO:
            raise SettingError(
                "label_source", self.label_source, f"auto, none or a field of the samples of {root}"
            )
        return files


def by_key(files: ImageFiles) -> ImageFiles:
    """Return files labelled by the folders that the keys of the samples begin with, where they all have one."""
    keys = [name.partition(".tar/")[2] for name in files.names]
    return replace(label_by_folder(replace(files, names=keys)), names=files.names)


def common_folder(paths: list[Path]) -> Path:
    """Return the folder that all files lie in or below."""
    return Path(os.path.commonpath([path.parent.absolute() for path in paths]))
