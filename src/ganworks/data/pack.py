"""A data set of images written as one zip file in StyleGAN's layout, as tar shards, or as a table."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ganworks.bar import Bar
from ganworks.data.base import GanDataModule
from ganworks.data.blob import open_blob
from ganworks.data.extras import extra
from ganworks.data.image_files import FilesDataModule
from ganworks.data.samples import as_fields
from ganworks.errors import SettingError
from ganworks.picture.samples import to_uint8
from ganworks.staged import staged

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
ROWS = 100  # of a table that are in memory
WORDS = "FILE.zip, FILE.parquet or a folder for shards that is not there yet"


@dataclass(frozen=True)
class Packing:
    """A sample as it is packed.

    Args:
        number: of the sample in the order of the data set.
        suffix: of the image, without its dot.
        content: of the image file.
        label: a class, a list of numbers, or None.
    """

    number: int
    suffix: str
    content: bytes
    label: int | list[float] | None


def check_out(out: str | None) -> Path:
    """Return where a pack goes; raise `SettingError` unless nothing is there and it is of a form that is written."""
    if not out:
        raise SettingError("out", out, WORDS)
    path = Path(out)
    if path.exists() or path.suffix not in ("", ".zip", ".parquet"):
        raise SettingError("out", out, WORDS)
    return path


def write_pack(data: GanDataModule, out: Path, keep: bool = False, shard: int = 1000) -> int:
    """Write the samples of a data set to ``out``, in their order, and return how many there are.

    Args:
        out: FILE.zip, FILE.parquet, or a folder for shards. Complete, or nothing is there.
        keep: pack the files as they are; else what the networks see, as PNG.
        shard: samples in a shard.

    Raises:
        SettingError: data that are no images, or no files of their own.
        GanworksError: a library is missing, or ``out`` cannot be written.
    """
    samples = kept_files(data) if keep else seen_images(data)
    num = len(data.opened.files) if keep and isinstance(data, FilesDataModule) else len(data.reference)
    write = {".zip": write_zip, ".parquet": write_parquet}.get(out.suffix)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with Bar(f"Packing {out.name}", num) as bar:
            if write is not None:
                with staged(out) as path:
                    write(counted(samples, bar), path, data)
            else:
                write_shards(counted(samples, bar), out, shard)
    except OSError as error:
        raise SettingError("out", out, f"a place that can be written ({error})") from error
    return num


def counted(samples: Iterator[Packing], bar: Bar) -> Iterator[Packing]:
    """Yield the samples and count them."""
    for sample in samples:
        yield sample
        bar.advance()


def seen_images(data: GanDataModule) -> Iterator[Packing]:
    """Yield all samples as the networks see them but for mirroring, as PNG."""
    samples = data._whole or data.samples  # `num_train` is a setting of a training
    for rows in torch.arange(len(samples)).split(256):
        images = as_fields(samples.read(rows))["real"]
        if (
            images.ndim != 4
            or images.shape[1] not in MODES
            or images.dtype not in (torch.uint8, torch.float32)
        ):
            told = f"images of 8 bits with 1 to 4 channels, not samples {tuple(images.shape[1:])} of {images.dtype}"
            raise SettingError("data", data.name, f"{told}; keep=true packs files as they are")
        images = images if images.dtype == torch.uint8 else to_uint8(images)
        for row, image in zip(rows.tolist(), images, strict=True):
            yield Packing(row, "png", as_png(image), label_of(samples.labels, row))


def as_png(image: Tensor) -> bytes:
    """Return an image, uint8 (C, H, W), as a PNG file."""
    pixels = image.permute(1, 2, 0).numpy()
    content = io.BytesIO()
    mode = MODES[len(image)]
    Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode).save(content, "png")
    return content.getvalue()


def kept_files(data: GanDataModule) -> Iterator[Packing]:
    """Yield the readable files as they are."""
    if not isinstance(data, FilesDataModule):
        raise SettingError("keep", True, f"false: data={data.name} has no image files of its own")
    files = data.labelled
    for row in range(len(files)):
        source = open_blob(files.path(row))
        content = source.read_bytes() if isinstance(source, Path) else source.read()
        suffix = PurePosixPath(files.names[row]).suffix.lower()[1:] or kind_of(content)
        yield Packing(row, suffix, content, label_of(files.labels, row))


def kind_of(content: bytes) -> str:
    """Return the suffix of an image file that has no name."""
    with Image.open(io.BytesIO(content)) as image:
        return {"jpeg": "jpg"}.get(kind := str(image.format).lower(), kind)


def label_of(labels: Tensor | None, row: int) -> int | list[float] | None:
    """Return the label of a sample in plain types."""
    return None if labels is None else labels[row].tolist()


def write_zip(samples: Iterator[Packing], path: Path, data: GanDataModule) -> None:
    """Write ``00000/img00000000.png`` and so on, and ``dataset.json`` with the labels, as StyleGAN's tools do.

    The layout: https://github.com/NVlabs/stylegan3, README, "Preparing datasets".
    """
    labels = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for sample in samples:
            number = f"{sample.number:08d}"
            name = f"{number[:5]}/img{number}.{sample.suffix}"
            file.writestr(name, sample.content)
            labels.append([name, sample.label])
        has_labels = bool(labels) and labels[0][1] is not None
        file.writestr("dataset.json", json.dumps({"labels": labels if has_labels else None}))


def write_shards(samples: Iterator[Packing], folder: Path, num: int) -> None:
    """Write ``000000.tar`` and so on to a new folder: the image, and ``cls`` or ``json`` with the label."""
    writer = extra("webdataset", "webdataset").ShardWriter
    with whole_folder(folder) as place, writer(str(place / "%06d.tar"), maxcount=num, verbose=0) as file:
        for sample in samples:
            row: dict[str, Any] = {"__key__": f"{sample.number:08d}", sample.suffix: sample.content}
            if isinstance(sample.label, int):
                row["cls"] = sample.label
            elif sample.label is not None:
                row["json"] = {"label": sample.label}
            file.write(row)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to fill that is called ``folder`` when the block ends without an error, and else is gone."""
    partly = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partly, ignore_errors=True)
    partly.mkdir()
    try:
        yield partly
        partly.rename(folder)
    finally:
        shutil.rmtree(partly, ignore_errors=True)


def write_parquet(samples: Iterator[Packing], path: Path, data: GanDataModule) -> None:
    """Write a table with the columns ``image`` and ``label``, which `datasets` knows by their types."""
    features, arrow = table_features(data), extra("pyarrow", "hf")
    schema = features.arrow_schema
    with extra("pyarrow.parquet", "hf").ParquetWriter(path, schema) as file:
        rows: list[Mapping[str, Any]] = []
        for sample in samples:
            image = {"bytes": sample.content, "path": f"{sample.number:08d}.{sample.suffix}"}
            rows.append({"image": image, "label": sample.label})
            if len(rows) == ROWS:
                file.write_table(arrow.Table.from_pylist(rows, schema=schema))
                rows = []
        if rows:
            file.write_table(arrow.Table.from_pylist(rows, schema=schema))


def table_features(data: GanDataModule) -> Any:
    """Return the types of the columns of a table of these data."""
    library = extra("datasets", "hf")
    columns = {"image": library.Image()}
    if data.label_kind == "class":
        names = [str(name) for name in data.classes] or [str(number) for number in range(data.num_classes)]
        columns["label"] = library.ClassLabel(names=names)
    elif data.label_kind != "none":
        columns["label"] = library.Sequence(library.Value("float32"))
    return library.Features(columns)
