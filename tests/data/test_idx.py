"""MNIST and Fashion-MNIST from the files that people have: packed or not, here or there, damaged or whole."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ganworks.data import MNIST, FashionMNIST
from ganworks.errors import SettingError

DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(0, 256, (40, 28, 28), dtype=np.uint8)
LABELS = (np.arange(40) % 10).astype(np.uint8)
every_set = pytest.mark.parametrize("make", [MNIST, FashionMNIST])


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_, **__) -> None:
        raise OSError("no network in the tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr(FashionMNIST, "installed", ())


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


def write(
    folder: Path, end: str = "", dot: str = "-", images: np.ndarray = IMAGES, labels: np.ndarray = LABELS
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for kind, values in ((f"images{dot}idx3", images), (f"labels{dot}idx1", labels)):
        content = idx(values)
        path = folder / f"train-{kind}-ubyte{end}"
        path.write_bytes(gzip.compress(content) if end else content)
    return folder


def check(make: type[MNIST], root: Path) -> None:
    data = make(root, resolution=28, channels=1, batch_size=8, download=False)
    data.check()
    assert torch.equal(data.samples.read(torch.arange(40))[:, 0], torch.from_numpy(IMAGES))
    assert data.samples.labels.tolist() == LABELS.tolist()
    assert (data.num_classes, len(data.classes)) == (10, 10)


@every_set
@pytest.mark.parametrize("dot", ["-", "."])
@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("place", ["", "{name}/raw"])
def test_files_are_read_where_people_have_them(
    make: type[MNIST], place: str, end: str, dot: str, tmp_path: Path
) -> None:
    write(tmp_path / place.format(name=make.__name__), end, dot)
    check(make, tmp_path)
    assert all("idx" in path.name for path in tmp_path.rglob("*") if path.is_file())  # nothing was unpacked


def test_files_of_another_packer_have_another_checksum_and_the_same_images(tmp_path: Path) -> None:
    folder = write(tmp_path / "FashionMNIST" / "raw", ".gz")
    for path in folder.iterdir():
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), compresslevel=1, mtime=7))
    check(FashionMNIST, tmp_path)


def test_set_of_a_distribution_is_read_where_root_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FashionMNIST, "installed", (str(write(tmp_path / "share", ".gz")),))
    check(FashionMNIST, tmp_path / "root")
    write(tmp_path / "root", images=IMAGES[::-1])
    with pytest.raises(AssertionError):  # the control: root comes first
        check(FashionMNIST, tmp_path / "root")
    with pytest.raises(SettingError, match="download=false"):
        check(MNIST, tmp_path / "none")


def test_own_folder_comes_before_files_that_may_be_of_another_set(tmp_path: Path) -> None:
    write(tmp_path, images=IMAGES[::-1])
    write(tmp_path / "FashionMNIST" / "raw")
    check(FashionMNIST, tmp_path)


WHOLE = {"images": idx(IMAGES), "labels": idx(LABELS)}
PACKED = gzip.compress(WHOLE["images"])
DAMAGES = {
    "cut off": ("images", "", WHOLE["images"][:1000], r"has 1,000 bytes, and its header says 31,376"),
    "cut off in the header": ("images", "", WHOLE["images"][:9], "cut off, at 9 bytes"),
    "longer": ("images", "", WHOLE["images"] + b"x", "has 31,377 bytes, and its header says 31,376"),
    "empty": ("images", "", b"", "begins with"),
    "labels for images": (
        "images",
        "",
        WHOLE["labels"],
        "begins with 00 00 08 01, and an idx file of its kind with",
    ),
    "web page": ("images", "", b"<html>not found</html>", "begins with 3c 68 74 6d"),
    "packed without the ending": ("images", "", PACKED, "begins with 1f 8b"),
    "packed and cut off": ("images", ".gz", PACKED[:5000], "ended before"),
    "packed and changed": ("images", ".gz", PACKED[:900] + b"\0\0\0" + PACKED[903:], "images"),
    "not packed at all": ("images", ".gz", WHOLE["images"], "gzip"),
    "labels cut off": ("labels", "", WHOLE["labels"][:20], "its header says 48"),
    "labels fewer": ("labels", "", idx(LABELS[:30]), "40 images, and .* 30 labels"),
    "labels too high": ("labels", "", idx(LABELS + 40), "label 49, and the classes are 0 to 9"),
    "images of another size": ("images", "", idx(IMAGES[:, :20, :20]), "20 x 20, not 28 x 28"),
    "no images": ("images", "", idx(IMAGES[:0]), "0 images"),
}


@every_set
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_named_and_nothing_is_trained_on(
    make: type[MNIST], damage: str, tmp_path: Path
) -> None:
    kind, end, content, message = DAMAGES[damage]
    folder = write(tmp_path / make.__name__ / "raw", end)
    (path,) = folder.glob(f"train-{kind}-*")
    path.write_bytes(content)
    named = "train-" if "fewer" in damage else f"train-{kind}"
    with pytest.raises(SettingError, match=rf"root=.*its files are damaged.*{named}.*{message}"):
        make(tmp_path, download=False).check()


def test_file_that_was_not_downloaded_to_its_end_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write(tmp_path / "MNIST" / "raw", ".gz")
    (path,) = folder.glob("train-images-*")
    path.write_bytes(path.read_bytes()[:5000])
    fetched = []
    monkeypatch.setattr(
        MNIST, "_open", lambda self, download: fetched.append(download) or write_and_open(self)
    )
    data = MNIST(tmp_path, batch_size=8)
    data.check()
    assert len(data.samples) == 40
    assert fetched == [False]
    assert "fetched again" in caplog.text


def write_and_open(data: MNIST) -> SimpleNamespace:
    """Return what torchvision returns of a set."""
    return SimpleNamespace(
        data=torch.from_numpy(IMAGES), targets=torch.from_numpy(LABELS), classes=list("0123456789")
    )
