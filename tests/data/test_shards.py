"""Tar shards: found, read as their library reads them, labelled, and refused where they are damaged."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data import WebDataset
from ganworks.data.shards import find_shards
from ganworks.errors import GanworksError, SettingError
from packs import write_folder, write_shards


def png(level: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((6, 6, 3), level, dtype=np.uint8)).save(content, "png")
    return content.getvalue()


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as file:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return path


def opened(root: object, cache: Path, **settings) -> WebDataset:
    data = WebDataset(root, **{"batch_size": 1, "resolution": 6, "cache": cache / "cache", **settings})
    data.check()
    return data


def levels(data: WebDataset) -> list[int]:
    return data.samples.read(torch.arange(len(data.samples)))[:, 0, 0, 0].tolist()


def test_samples_and_their_order_are_those_of_the_library(tmp_path: Path) -> None:
    import webdataset

    shards = write_shards(write_folder(tmp_path / "images", num=20))
    urls = sorted(map(str, shards.glob("*.tar")))
    expected = [(each["png"], int(each["cls"])) for each in webdataset.WebDataset(urls, shardshuffle=False)]
    data = opened(shards, tmp_path)
    found = [data.files.path(index).read_bytes() for index in range(len(data.files))]
    assert found == [content for content, _ in expected]
    assert data.samples.labels.tolist() == [label for _, label in expected]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", [2, 9, 10]),
        ("p-{2,9}.tar", [2, 9]),
        ("p-{09..10}.tar", None),
        ("p-1*.tar", [10]),
        ("p-9.tar", [9]),
    ],
)
def test_shards_are_a_file_a_folder_or_a_pattern(
    text: str, numbers: list[int] | None, tmp_path: Path
) -> None:
    for number in (10, 2, 9):
        write_tar(tmp_path / "s" / f"p-{number}.tar", {"a.png": b""})
    root = str(tmp_path / "s") + (f"/{text}" if text else "")
    if numbers is None:
        with pytest.raises(SettingError, match=r"1 of 2 are missing, such as .*p-09\.tar"):
            find_shards(root)
    else:
        assert [path.name for path in find_shards(root)] == [f"p-{number}.tar" for number in numbers]


def test_shards_for_validation_are_left_out(tmp_path: Path) -> None:
    for name in ("train-0.tar", "train-1.tar", "val-0.tar"):
        write_tar(tmp_path / "s" / name, {"a.png": b""})
    assert [path.name for path in find_shards(tmp_path / "s", "auto")] == ["train-0.tar", "train-1.tar"]
    assert [path.name for path in find_shards(tmp_path / "s", "val")] == ["val-0.tar"]
    assert len(find_shards(tmp_path / "s", "all")) == 3
    with pytest.raises(SettingError, match="Did you mean 'val'"):
        find_shards(tmp_path / "s", "vel")


@pytest.mark.parametrize(
    ("root", "message"),
    [
        (None, "must be a shard"),
        ("https://example.org/a.tar", "on this machine"),
        ("pipe:cat a.tar", "on this machine"),
        ("shard", "Did you mean 'shards'"),
        ("empty", "no .tar file is in it"),
        ("packed", "not compressed"),
    ],
)
def test_places_without_shards_are_refused(
    root: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("shards", "empty", "packed"):
        (tmp_path / name).mkdir()
    (tmp_path / "packed" / "a.tar.gz").write_bytes(b"")
    with pytest.raises(SettingError, match=message):
        find_shards(root)


FIELDS = {
    "cls": ({"cls": b"1"}, {"cls": b"0"}, [1, 0]),
    "txt": ({"txt": b"dog"}, {"txt": b"cat"}, [1, 0]),
    "json.label": ({"json": b'{"label": 2}'}, {"json": b'{"label": 0}'}, [2, 0]),
    "json.kind": ({"json": b'{"kind": "b"}'}, {"json": b'{"kind": "a"}'}, [1, 0]),
}


@pytest.mark.parametrize("field", FIELDS)
def test_labels_come_from_the_field_that_is_named(field: str, tmp_path: Path) -> None:
    first, second, labels = FIELDS[field]
    files = {"x.png": png(1), **{f"x.{name}": text for name, text in first.items()}}
    files |= {"y.png": png(2), **{f"y.{name}": text for name, text in second.items()}}
    path = write_tar(tmp_path / "a.tar", files)
    assert opened(path, tmp_path, label_source=field).samples.labels.tolist() == labels
    assert opened(path, tmp_path, label_source="none").samples.labels is None
    assert opened(path, tmp_path, num_classes=0).samples.labels is None
    is_custom = opened(path, tmp_path).samples.labels is not None
    assert is_custom == (field in ("cls", "json.label"))


def test_folders_of_the_keys_are_classes(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"dog/1.png": png(1), "cat/1.png": png(2), "cat/2.png": png(3)})
    data = opened(path, tmp_path)
    assert list(data.classes) == ["cat", "dog"]
    assert data.samples.labels.tolist() == [1, 0, 0]


def test_sample_without_a_label_among_others_is_named(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"x.png": png(1), "x.cls": b"0", "y.png": png(2)})
    with pytest.raises(GanworksError, match=r"1 of 2 images have no label, such as 'a\.tar/y\.png'"):
        opened(path, tmp_path)


def test_one_of_several_images_is_chosen(tmp_path: Path) -> None:
    files = {"x.rgb.png": png(1), "x.mask.png": png(7), "y.rgb.png": png(2), "y.mask.png": png(8)}
    path = write_tar(tmp_path / "a.tar", files)
    with pytest.raises(SettingError, match=r"image=None: must be one of rgb\.png, mask\.png"):
        opened(path, tmp_path)
    assert levels(opened(path, tmp_path, image="mask.png")) == [7, 8]
    assert levels(opened(path, tmp_path, image="none;RGB.png")) == [1, 2]
    with pytest.raises(SettingError, match="the field 'depth'"):
        opened(path, tmp_path, image="depth")


def test_samples_without_an_image_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = {"x.png": png(1), "y.txt": b"no image", "z.png": png(3), "readme": b""}
    assert levels(opened(write_tar(tmp_path / "a.tar", files), tmp_path)) == [1, 3]
    assert "samples without an image, which are left out: 1" in caplog.text


def test_key_that_comes_twice_is_two_images(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"x.png": png(1), "y.png": png(2)})
    with tarfile.open(path, "a") as file:
        entry = tarfile.TarInfo("x.png")
        entry.size = len(png(3))
        file.addfile(entry, io.BytesIO(png(3)))
    data = opened(path, tmp_path)
    assert levels(data) == [1, 2, 3]
    assert list(data.files.names) == ["a.tar/x.png", "a.tar/y.png", "a.tar/x.png (2)"]


@pytest.mark.parametrize("damage", ["cut", "middle", "none"])
def test_damaged_shards_are_named(damage: str, tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {f"{index}.png": png(index) for index in range(4)})
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[:700]
    elif damage == "middle":
        content[1024:1536] = b"?" * 512
    else:
        content = bytearray(b"no tar file" * 100)
    path.write_bytes(content)
    with pytest.raises(GanworksError, match=r"a\.tar is no whole tar file"):
        opened(path, tmp_path)


def test_index_is_made_once_and_anew_for_another_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tar(tmp_path / "a.tar", {"x.png": png(1)})
    opened(path, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("ganworks.data.webdataset.write_index", lambda *_: 1 / 0)
        assert levels(opened(path, tmp_path)) == [1]
    write_tar(path, {"x.png": png(1), "y.png": png(2)})
    assert levels(opened(path, tmp_path)) == [1, 2]


def test_library_that_is_missing_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "webdataset", None)
    monkeypatch.setitem(sys.modules, "webdataset.tariterators", None)
    path = write_tar(tmp_path / "a.tar", {"x.png": png(1)})
    with pytest.raises(
        GanworksError, match=r"data=webdataset needs webdataset: pip install 'ganworks\[webdataset\]'"
    ):
        opened(path, tmp_path)


def test_labels_of_several_classes_and_vectors(tmp_path: Path) -> None:
    files: dict[str, bytes] = {}
    for key, label in (("x", ["old", "red"]), ("y", []), ("z", ["red"])):
        files |= {f"{key}.png": png(1), f"{key}.json": json.dumps({"label": label}).encode()}
    data = opened(write_tar(tmp_path / "a.tar", files), tmp_path)
    assert data.label_kind == "multi"
    assert data.samples.labels.tolist() == [[1, 1], [0, 0], [0, 1]]
