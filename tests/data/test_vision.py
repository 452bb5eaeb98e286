"""torchvision's data sets, read from small files in their on-disk formats; nothing is downloaded."""

import gzip
import hashlib
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from ganworks.data import CIFAR10, MNIST, CelebA, FashionMNIST, ImageDataModule
from ganworks.errors import SettingError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_, **__) -> None:
        raise OSError("no network in the tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_idx(raw: Path, split: str, images: np.ndarray, labels: np.ndarray) -> None:
    raw.mkdir(parents=True, exist_ok=True)
    header = struct.pack(">IIII", 0x803, *images.shape)
    (raw / f"{split}-images-idx3-ubyte").write_bytes(header + images.tobytes())
    (raw / f"{split}-labels-idx1-ubyte").write_bytes(
        struct.pack(">II", 0x801, len(labels)) + labels.tobytes()
    )


@pytest.fixture(params=[MNIST, FashionMNIST])
def gray_set(request, tmp_path: Path) -> tuple[type[MNIST], Path, np.ndarray, np.ndarray]:
    images = RNG.integers(0, 256, (40, 28, 28), dtype=np.uint8)
    labels = (np.arange(40) % 10).astype(np.uint8)
    raw = tmp_path / request.param.__name__ / "raw"
    write_idx(raw, "train", images, labels)
    write_idx(raw, "t10k", images[:5], labels[:5])
    return request.param, tmp_path, images, labels


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, np.ndarray, list[int]]:
    base = tmp_path / "cifar-10-batches-py"
    base.mkdir()
    images = RNG.integers(0, 256, (30, 3, 32, 32), dtype=np.uint8)
    labels = [index % 10 for index in range(30)]
    names = [f"data_batch_{n}" for n in range(1, 6)]
    for n, name in enumerate(names):
        part = slice(6 * n, 6 * n + 6)
        content = {"data": images[part].reshape(6, -1), "labels": labels[part]}
        (base / name).write_bytes(pickle.dumps(content))
    (base / "test_batch").write_bytes(pickle.dumps({"data": images[:2].reshape(2, -1), "labels": labels[:2]}))
    (base / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [[name, md5(base / name)] for name in names])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", md5(base / "test_batch")]])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": md5(base / "batches.meta")}
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    return tmp_path, images, labels


@pytest.fixture
def celeba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    base = tmp_path / "celeba"
    (base / "img_align_celeba").mkdir(parents=True)
    names = [f"{index:06}.jpg" for index in range(1, 13)]
    for index, name in enumerate(names):
        face = Image.new("RGB", (178, 218), (index * 20, 0, 0))
        face.save(base / "img_align_celeba" / name, quality=100)
    split = [0] * 8 + [1, 1, 2, 2]
    table = {
        "list_eval_partition.txt": [f"{n} {s}" for n, s in zip(names, split, strict=True)],
        "identity_CelebA.txt": [f"{n} 1" for n in names],
        "list_bbox_celeba.txt": ["12", "id x y w h", *[f"{n} 1 2 3 4" for n in names]],
        "list_landmarks_align_celeba.txt": ["12", "x y", *[f"{n} 1 2" for n in names]],
        "list_attr_celeba.txt": ["12", "Smiling Young", *[f"{n} 1 -1" for n in names]],
    }
    for name, lines in table.items():
        (base / name).write_text("\n".join(lines) + "\n")
    files = [("id", "zip", "img_align_celeba.zip"), *[("id", md5(base / name), name) for name in table]]
    monkeypatch.setattr(datasets.CelebA, "file_list", files)
    return tmp_path


def everything(data: ImageDataModule) -> dict[str, torch.Tensor]:
    batches = list(data.reference_batches())
    return {key: torch.cat([batch[key] for batch in batches]) for key in batches[0]}


def by_content(images: np.ndarray, labels: np.ndarray) -> list[tuple[bytes, int]]:
    return sorted((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))


def bytes_of(real: torch.Tensor) -> np.ndarray:
    return ((real + 1) * 127.5).round().to(torch.uint8).numpy()


def test_mnist_files_are_read_with_their_labels(gray_set) -> None:
    make, root, images, labels = gray_set
    data = make(root, resolution=28, channels=1, batch_size=8)
    data.check()
    found = everything(data)
    assert by_content(bytes_of(found["real"]), found["label"].numpy()) == by_content(images, labels)
    assert by_content(bytes_of(found["real"]), found["label"].numpy()) != by_content(images[::-1], labels)
    assert data.num_classes == 10


def test_mnist_is_resized_and_gets_channels(gray_set) -> None:
    make, root, images, _ = gray_set
    batch = next(iter(make(root, resolution=32, channels=3, batch_size=8).train_dataloader()))
    assert batch["real"].shape == (8, 3, 32, 32)
    assert batch["real"].min() >= -1
    assert batch["real"].max() <= 1
    mean = everything(make(root, resolution=32, channels=1))["real"].mean()
    assert abs(mean - (images.mean() / 127.5 - 1)) < 0.01


def test_cifar_files_are_read_with_their_labels(cifar) -> None:
    root, images, labels = cifar
    data = CIFAR10(root, batch_size=8)
    data.check()
    found = everything(data)
    assert data.shape == (3, 32, 32)
    assert by_content(bytes_of(found["real"]), found["label"].numpy()) == by_content(images, np.array(labels))
    assert data.classes == tuple("abcdefghij")


def test_a_cifar_archive_put_there_by_hand_is_unpacked(cifar, monkeypatch: pytest.MonkeyPatch) -> None:
    root, *_ = cifar
    archive = root / "hand" / "cifar-10-python.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(root / "cifar-10-batches-py", "cifar-10-batches-py")
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(archive))
    assert len(CIFAR10(archive.parent).samples) == 30


def test_mnist_archives_put_there_by_hand_are_unpacked(gray_set, monkeypatch: pytest.MonkeyPatch) -> None:
    make, root, *_ = gray_set
    raw, resources = root / make.__name__ / "raw", []
    for path in list(raw.iterdir()):
        packed = path.with_name(path.name + ".gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        resources.append((packed.name, md5(packed)))
    monkeypatch.setattr(make.dataset, "resources", resources)
    assert len(make(root).samples) == 40


def test_celeba_is_its_training_split_cropped_and_cached(celeba: Path) -> None:
    data = CelebA(celeba, resolution=16, batch_size=4, cache=celeba / "cache")
    data.check()
    red = bytes_of(everything(data)["real"])[:, 0, 8, 8].astype(int)
    assert np.abs(np.sort(red) - np.arange(0, 160, 20)).max() <= 2
    assert data.num_classes == 0
    assert set(next(iter(data.train_dataloader()))) == {"real"}
    with pytest.raises(SettingError, match="num_classes=10: must be 0: this data set has no labels"):
        CelebA(celeba, num_classes=10)


@pytest.mark.parametrize(
    ("make", "file"),
    [
        (MNIST, r"train-images-idx3-ubyte.gz.* into .*/MNIST/raw"),
        (FashionMNIST, r"train-images-idx3-ubyte.gz.* into .*/FashionMNIST/raw"),
        (CIFAR10, "cifar-10-python.tar.gz"),
        (CelebA, r"img_align_celeba .*list_eval_partition.txt.* into .*/celeba"),
    ],
)
def test_a_missing_set_says_which_files_to_put_where(make, file: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(FashionMNIST, "installed", ())
    with pytest.raises(SettingError, match=f"the download failed.*{file}"):
        make(tmp_path).check()
    with pytest.raises(SettingError, match=f"download=false.*data.download=true.*{file}"):
        make(tmp_path, download=False).check()


def test_a_damaged_set_is_an_error_that_says_so(gray_set) -> None:
    make, root, *_ = gray_set
    path = root / make.__name__ / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(SettingError, match=r"root=.*its files are damaged: delete them"):
        make(root).check()


def test_a_batch_larger_than_the_set_is_an_error(gray_set) -> None:
    make, root, *_ = gray_set
    with pytest.raises(SettingError, match="batch_size=64: must be at most 40"):
        make(root).check()
