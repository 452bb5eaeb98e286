"""Zip files of images: where their files lie, what is passed over, and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data import Folder
from ganworks.data.evaluated import EvaluatedImages
from ganworks.data.zip_files import find_in_zip
from ganworks.errors import GanworksError, SettingError
from packs import names_of, write_folder, write_zip


def png(level: int = 0) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((6, 5, 3), level, dtype=np.uint8)).save(content, "png")
    return content.getvalue()


def write(path: Path, *names: str, method: int = zipfile.ZIP_STORED, **others: bytes) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for level, name in enumerate(names):
            file.writestr(name, png(level))
        for name, content in others.items():
            file.writestr(name.replace("__", "/").replace("_json", ".json").replace("_csv", ".csv"), content)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_contents_are_those_of_the_files(method: int, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images", num=5)
    files = find_in_zip(write_zip(folder, method))
    assert list(files.names) == names_of(folder)
    for index, name in enumerate(files.names):
        assert files.path(index).read_bytes() == (folder / name).read_bytes()


def test_a_zip_with_something_before_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", "1.png", "2.png")
    path.write_bytes(b"some shell script" + path.read_bytes())
    assert find_in_zip(path).path(1).read_bytes() == png(1)


def test_one_folder_around_everything_is_passed_over(tmp_path: Path) -> None:
    files = find_in_zip(
        write(tmp_path / "a.zip", "pets/cat/1.png", "pets/dog/2.png", "__MACOSX/pets/cat/._1.png")
    )
    assert list(files.names) == ["cat/1.png", "dog/2.png"]
    assert list(files.classes) == ["cat", "dog"]


def test_splits_are_chosen_as_in_a_folder(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", "x/train/cat/1.png", "x/train/dog/2.png", "x/val/cat/3.png")
    assert list(find_in_zip(path, "auto").names) == ["cat/1.png", "dog/2.png"]
    assert list(find_in_zip(path, "val").names) == ["cat/3.png"]
    assert len(find_in_zip(path, "all")) == 3
    with pytest.raises(SettingError, match=r"split=vl: .* Did you mean 'val'"):
        find_in_zip(path, "vl")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dataset_json", json.dumps({"labels": [["00000/1.png", 1], ["00000/2.png", 0]]})),
        ("labels_csv", "path,label\n00000/1.png,b\n00000/2.png,a\n"),
        ("labels_json", json.dumps({"00000/1.png": "b", "00000/2.png": "a"})),
    ],
)
@pytest.mark.parametrize("top", ["", "set/"])
def test_labels_come_from_a_file_in_it(name: str, content: str, top: str, tmp_path: Path) -> None:
    others = {f"{top.replace('/', '__')}{name}": content.encode()}
    path = write(tmp_path / "a.zip", f"{top}00000/1.png", f"{top}00000/2.png", **others)
    data = Folder(path, batch_size=1, resolution=4, label_source="auto", cache=tmp_path / "cache")
    data.check()
    assert data.samples.labels.tolist() == [1, 0]


def test_wrong_row_names_the_file_in_the_zip(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", "1.png", labels_csv=b"path,label\n2.png,a\n")
    with pytest.raises(GanworksError, match=r"a\.zip/labels\.csv, line 2: there is no image '2\.png'"):
        Folder(path, batch_size=1, label_source="auto", cache=tmp_path / "cache").check()


def test_label_file_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", "1.png", labels_csv=b"path,label\n1.png,a\n")
    with pytest.raises(SettingError, match=r"Did you mean 'labels\.csv'"):
        Folder(path, batch_size=1, label_source="label.csv", cache=tmp_path / "cache").check()


def test_damaged_encrypted_and_rarely_packed_files_are_refused_by_name(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.zip", "1.png", "2.png")
    for size in (10, len(whole.read_bytes()) - 30):
        (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:size])
        with pytest.raises(GanworksError, match=r"cut\.zip is no whole zip file"):
            find_in_zip(tmp_path / "cut.zip")
    with pytest.raises(GanworksError, match=r"'1\.png' is packed by bzip2"):
        find_in_zip(write(tmp_path / "b.zip", "1.png", method=zipfile.ZIP_BZIP2))
    content = bytearray(whole.read_bytes())
    content[content.rindex(b"PK\1\2") + 8] |= 1
    (tmp_path / "secret.zip").write_bytes(content)
    with pytest.raises(GanworksError, match=r"'2\.png' is encrypted"):
        find_in_zip(tmp_path / "secret.zip")
    with pytest.raises(SettingError, match="1 other files"):
        find_in_zip(write(tmp_path / "c.zip", notes__x=b""))


def test_zip_cut_behind_its_index_is_noticed_when_an_image_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", "1.png", "2.png")
    files = find_in_zip(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(OSError, match="cut off"):
        files.path(1).read_bytes()


def test_evaluation_reads_a_zip_as_the_folder_that_it_is_of(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images", num=5)
    packed, plain = EvaluatedImages(write_zip(folder)), EvaluatedImages(folder)
    assert packed.fingerprint == plain.fingerprint
    assert packed.sizes == plain.sizes
    for ours, theirs in zip(packed.reference_batches(2), plain.reference_batches(2), strict=True):
        assert torch.equal(ours["real"], theirs["real"])


@pytest.mark.parametrize(
    ("name", "hint"), [("x.tar", "data=webdataset"), ("x.parquet", "data=hf"), ("x.7z", "unpack")]
)
def test_file_that_another_option_reads_is_said(name: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(SettingError, match=hint):
        Folder(tmp_path / name, cache=tmp_path / "cache").check()
