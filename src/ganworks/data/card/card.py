"""What a data card says: counts, classes, files, values, remarks, and samples as the training loader gives them."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image as Pillow
from PIL import ImageOps
from torch import Tensor

from ganworks.data.apart import digests
from ganworks.data.base import GanDataModule
from ganworks.data.blob import open_blob
from ganworks.data.card.files import FileFacts, look_at_files
from ganworks.data.decode import decode
from ganworks.data.image_files import FilesDataModule
from ganworks.data.on_the_fly import FileSamples
from ganworks.data.survey import in_threads
from ganworks.errors import SettingError, check_count
from ganworks.sample.kind import Image

NUM_MEASURED = 4096  # samples whose values are looked at
NUM_BESIDE = 12  # files that are shown beside what becomes of them
THUMBNAIL = 256  # pixels of their longer side


@dataclass
class Card:
    """A data set of images as a person wants to know it before a training.

    Args:
        name: of the data set.
        settings: name and value of what says how a file becomes a sample.
        num: samples, of which ``num_train`` are trained on.
        shape: (C, H, W) of a sample.
        label_kind: see `GanDataModule.label_kind`.
        classes: name and number of samples of each class; of several classes at once, of each.
        values: of each channel of the samples: lowest, highest, mean, standard deviation; in [-1, 1].
        num_measured: samples that these are of.
        num_copies: samples that are exact copies of another one, as the networks see them; None where they would have
            to be decoded for that.
        facts: of the files; None where the data set has none of its own.
        seen: fields of a batch of the training loader, and its labels.
        beside: names, files and samples of the first files.
    """

    name: str
    settings: dict[str, str]
    num: int
    num_train: int
    shape: tuple[int, ...]
    label_kind: str
    classes: list[tuple[str, int]]
    values: list[tuple[float, float, float, float]]
    num_measured: int
    num_copies: int | None
    facts: FileFacts | None
    seen: dict[str, Tensor]
    beside: list[tuple[str, Pillow.Image, Tensor]]
    is_mirrored: bool

    def class_of(self, row: int) -> str:
        """Return the label of a sample of ``seen`` in words; "" without one."""
        if "label" not in self.seen:
            return ""
        label = self.seen["label"][row]
        if self.label_kind == "class":
            return self.classes[int(label)][0]
        if self.label_kind == "multi":
            return ", ".join(self.classes[int(each)][0] for each in label.nonzero().flatten())
        return " ".join(f"{value:.3g}" for value in label[:4].tolist()) + " ..." * (len(label) > 4)


def look_at(data: GanDataModule, num: int = 64) -> Card:
    """Look at all of a data set of images.

    Args:
        num: samples to show.

    Raises:
        SettingError: the samples are no images.
    """
    check_count("num", num)
    if not isinstance(data.kind, Image) or len(data.shape) != 3:
        noun = data.kind.noun
        raise SettingError("data", data.name, f"a data set of images; this one has {noun}")
    facts = None
    if isinstance(data, FilesDataModule):
        facts = look_at_files(data.files, unreadable_of(data))
    is_read = not (isinstance(data, FilesDataModule) and isinstance(data.opened.samples, FileSamples))
    counts = Counter(digests(data.reference)) if is_read else None
    values, num_measured = values_of(data)
    return Card(
        name=data.name,
        settings=settings_of(data),
        num=len(data.reference),
        num_train=data.describe()["num_samples"],
        shape=tuple(data.shape),
        label_kind=data.label_kind,
        classes=classes_of(data),
        values=values,
        num_measured=num_measured,
        num_copies=None if counts is None else counts.total() - len(counts),
        facts=facts,
        seen=seen_by_networks(data, num),
        beside=beside_of(data),
        is_mirrored=data.horizontal_flip is not False,
    )


def unreadable_of(data: FilesDataModule) -> dict[str, str]:
    """Return the files that were skipped, and why."""
    if len(data.opened.files) == len(data.files):
        return {}
    there = set(data.opened.files.names)
    skipped = data.files.only([row for row, name in enumerate(data.files.names) if name not in there])
    again = in_threads(skipped, lambda _, file: decode(file, data.how))
    return {name: found if isinstance(found, str) else "it cannot be decoded" for name, found in again}


def settings_of(data: GanDataModule) -> dict[str, str]:
    """Return in words how a file becomes a sample."""
    said: dict[str, Any] = {"channels x height x width": " x ".join(map(str, data.shape))}
    described = data.describe()
    said |= {name: described[name] for name in ("root", "value_range") if name in described}
    how = getattr(data, "how", None)
    said |= {
        name: getattr(how, name) for name in ("fit", "background", "dtype", "pages") if hasattr(how, name)
    }
    return {name: str(value) for name, value in said.items()}


def classes_of(data: GanDataModule) -> list[tuple[str, int]]:
    """Return name and number of samples of each class; none of vectors."""
    labels = data.reference.labels
    if labels is None or data.label_kind == "vector":
        return []
    is_class = not labels.is_floating_point()
    counts = torch.bincount(labels, minlength=data.num_classes) if is_class else labels.sum(0).long()
    names = [str(name) for name in data.classes] or [str(number) for number in range(len(counts))]
    return list(zip(names, counts.tolist(), strict=True))


def values_of(data: GanDataModule) -> tuple[list[tuple[float, float, float, float]], int]:
    """Return lowest, highest, mean and standard deviation of each channel, and of how many samples."""
    real = torch.cat([batch["real"] for batch in data.reference_batches(stop=NUM_MEASURED)])
    channels = real.transpose(0, 1).flatten(1).double()
    rows = zip(channels.amin(1), channels.amax(1), channels.mean(1), channels.std(1), strict=True)
    return [(float(low), float(high), float(mean), float(std)) for low, high, mean, std in rows], len(real)


def seen_by_networks(data: GanDataModule, num: int) -> dict[str, Tensor]:
    """Return the first batch of the training, of ``num`` samples: in its order, mirrored, in the networks' range."""
    data.batch_size = min(num, len(data.samples))
    batch = next(iter(data.train_dataloader()))
    return {name: values for name, values in batch.items() if name == "label" or values.ndim == 4}


def beside_of(data: GanDataModule) -> list[tuple[str, Pillow.Image, Tensor]]:
    """Return some files as they are, evenly taken from all, and what becomes of them before mirroring."""
    if not isinstance(data, FilesDataModule):
        return []
    files, found = data.opened.files, []
    for index in torch.linspace(0, len(files) - 1, min(NUM_BESIDE, len(files))).long().tolist():
        picture = thumbnail(open_blob(files.path(index)))
        rows = torch.tensor([index])
        if picture is not None:
            found.append((files.names[index], picture, data.opened.samples.read(rows)[0]))  # type: ignore[index]
    return found


def thumbnail(file: Any) -> Pillow.Image | None:
    """Return a file as a small picture; None for one of more than 8 bits, which no screen shows as it is."""
    content = file.read_bytes() if isinstance(file, Path) else file.read()
    try:
        with Pillow.open(io.BytesIO(content)) as image:
            if image.mode == "F" or image.mode.startswith("I"):
                return None
            picture = ImageOps.exif_transpose(image).convert("RGBA")
    except Pillow.UnidentifiedImageError:
        return None
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    return picture
