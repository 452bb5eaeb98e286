"""Standard data sets through torchvision, downloaded on demand."""

from __future__ import annotations

import logging
import socket
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor
from torchvision import datasets

from ganworks.data.base import ImageDataModule
from ganworks.data.decode import resize, with_channels
from ganworks.data.files import ImageFiles
from ganworks.data.idx import find_idx, read_pair
from ganworks.data.image_files import FilesDataModule
from ganworks.data.sample_format import CROP, WHITE
from ganworks.data.samples import TensorSamples
from ganworks.errors import SettingError

log = logging.getLogger(__name__)
DAMAGED = "its files are damaged: delete them"


class Vision(ImageDataModule):
    """The training split of a torchvision data set that fits in memory.

    A subclass names the torchvision class, the classes, and what to do without a network.

    Args:
        root: folder that torchvision keeps its data sets in.
        download: fetch the data set when it is not there.
        others: see `ImageDataModule`.

    Raises:
        SettingError: the data set is damaged, or missing and cannot be fetched (says which files to put
            where); see `ImageDataModule` too.
    """

    dataset: type[Any]
    by_hand: str

    def __init__(
        self,
        root: str | Path = "data",
        download: bool = True,
        batch_size: int = 64,
        resolution: int = 32,
        channels: int = 3,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        seed: int = 0,
        horizontal_flip: bool = False,
        min_batches: int = 1,
        num_train: int | None = None,
    ) -> None:
        super().__init__(
            batch_size,
            resolution,
            channels,
            shape,
            num_classes,
            seed,
            horizontal_flip,
            min_batches,
            num_train,
        )
        self.root, self.download = Path(root).expanduser(), download
        self._dataset: Any = None

    @abstractmethod
    def images(self, dataset: Any) -> Tensor:
        """Return the images of the torchvision data set: uint8 (N, C, H, W)."""

    def prepare_data(self) -> None:
        """Download the data set when it is missing."""
        if self._samples is None and self._dataset is None:
            self._dataset = open_or_download(self._open, self.root, self.download, self.by_hand)

    def load(self) -> TensorSamples:
        """Read the training split; other resolutions by antialiased bicubic interpolation."""
        self.prepare_data()
        dataset, self._dataset = self._dataset, None
        images = with_channels(resize(self.images(dataset), self.resolution), self.channels)
        self.classes = tuple(getattr(dataset, "classes", ())) if self.num_classes else ()
        return TensorSamples(images, torch.as_tensor(dataset.targets).long())

    def _open(self, download: bool) -> Any:
        return self.dataset(self.root, train=True, download=download)


class MNIST(Vision):
    """60,000 handwritten digits, 28x28 gray. LeCun, Bottou, Bengio, Haffner 1998.

    The idx files are read as they are, packed or not, in ``root/MNIST/raw`` or ``root``. Arguments: see `Vision`.
    """

    name = "mnist"
    known_classes = 10
    dataset = datasets.MNIST
    by_hand = (
        "train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz from "
        "https://ossci-datasets.s3.amazonaws.com/mnist/ into {root}/MNIST/raw"
    )
    installed: tuple[str, ...] = ()  # where a Linux distribution's package puts them
    _pair: tuple[Tensor, Tensor] | None = None

    def images(self, dataset: Any) -> Tensor:
        """Return (60000, 1, 28, 28)."""
        return dataset.data.unsqueeze(1)

    def prepare_data(self) -> None:
        """Read the files; download the data set when they are nowhere, or were not downloaded to their end."""
        if self._samples is None and self._pair is None:
            self._pair = self._read()
            if self._pair is None:
                super().prepare_data()

    def load(self) -> TensorSamples:
        """Read the training images; other resolutions by antialiased bicubic interpolation.

        Raises:
            SettingError: a file is damaged; names it.
        """
        self.prepare_data()
        pair, self._pair = self._pair, None
        if pair is None:
            return super().load()
        images, labels = pair
        self.classes = tuple(self.dataset.classes) if self.num_classes else ()
        return TensorSamples(with_channels(resize(images, self.resolution), self.channels), labels)

    def _read(self) -> tuple[Tensor, Tensor] | None:
        own = self.root / self.dataset.__name__ / "raw"
        found = find_idx([own, self.root, *map(Path, self.installed)])
        if found is None:
            return None
        log.info("Reading %s", found[0])
        try:
            return read_pair(*found, side=28, num_classes=10)
        except ValueError as error:
            if self.download and found[0].parent == own and found[0].suffix == ".gz":
                log.warning("%s: fetched again", error)  # torchvision compares and replaces what it downloads
                return None
            raise _help(self.root, DAMAGED, error, self.by_hand) from error


class FashionMNIST(MNIST):
    """60,000 pictures of clothes, 28x28 gray. Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747.

    Read like `MNIST`, and from ``/usr/share/datasets/fashion-mnist`` of Debian's ``dataset-fashion-mnist``.
    """

    name = "fashion_mnist"
    dataset = datasets.FashionMNIST
    by_hand = (
        "train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz from "
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/ into {root}/FashionMNIST/raw"
    )
    installed = ("/usr/share/datasets/fashion-mnist",)


class CIFAR10(Vision):
    """50,000 colour pictures of ten kinds of things, 32x32. Krizhevsky 2009. Arguments: see `Vision`."""

    name = "cifar10"
    known_classes = 10
    dataset = datasets.CIFAR10
    by_hand = "cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/ into {root}"

    def images(self, dataset: Any) -> Tensor:
        """Return (50000, 3, 32, 32)."""
        return torch.from_numpy(dataset.data).permute(0, 3, 1, 2).contiguous()


class CelebA(FilesDataModule):
    """162,770 aligned faces, 178x218, cropped at the centre. Liu, Luo, Wang, Tang 2015.

    It has attributes and identities but no classes: ``num_classes`` is 0.
    Arguments: see `Vision` and `FilesDataModule`.
    """

    name = "celeba"
    known_classes = 0
    by_hand = (
        "the folder img_align_celeba (unpacked from img_align_celeba.zip), list_eval_partition.txt, "
        "list_attr_celeba.txt, list_bbox_celeba.txt, list_landmarks_align_celeba.txt and identity_CelebA.txt "
        "from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html into {root}/celeba"
    )

    def __init__(
        self,
        root: str | Path = "data",
        download: bool = True,
        batch_size: int = 64,
        resolution: int | Sequence[int] = 64,
        channels: int = 3,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        seed: int = 0,
        horizontal_flip: bool = False,
        min_batches: int = 1,
        cache: str | Path = "cache",
        cache_limit_gb: float = 32.0,
        max_corrupt: float = 0.0,
        num_workers: int = 4,
        vertical_flip: bool = False,
        fit: str = CROP,
        background: str | Sequence[int] = WHITE,
        dtype: str = "uint8",
    ) -> None:
        super().__init__(
            batch_size,
            resolution,
            channels,
            shape,
            num_classes,
            seed,
            horizontal_flip,
            min_batches,
            cache,
            cache_limit_gb,
            max_corrupt,
            num_workers,
            vertical_flip=vertical_flip,
            fit=fit,
            background=background,
            dtype=dtype,
        )
        self.root, self.download = Path(root).expanduser(), download

    def find(self) -> ImageFiles:
        """Return the files of the training split, after downloading them when they are missing."""
        dataset = open_or_download(self._open, self.root, self.download, self.by_hand)
        return ImageFiles(self.root / "celeba" / "img_align_celeba", list(dataset.filename))

    def _open(self, download: bool) -> Any:
        return datasets.CelebA(str(self.root), split="train", target_type=[], download=download)


def open_or_download(open_set: Callable[[bool], Any], root: Path, download: bool, by_hand: str) -> Any:
    """Return ``open_set(False)``; when the data set is not there, ``open_set(True)`` if ``download``.

    Raises:
        SettingError: it is missing and cannot be fetched, or cannot be read.
    """
    try:
        return open_set(False)
    except Exception as error:
        # torchvision gives this advice when files are missing or incomplete, not when reading them fails.
        if "download=True" not in str(error):
            raise _help(root, DAMAGED, error, by_hand) from error
        if not download:
            raise _help(root, "it is missing or incomplete, and download=false", None, by_hand) from None
    log.info("Downloading into %s", root)
    try:
        with _one_at_a_time(root), _patience(seconds=30):
            return open_set(True)
    except Exception as error:
        raise _help(root, "it is missing or incomplete, and the download failed", error, by_hand) from error


def _help(root: Path, what: str, error: Exception | None, by_hand: str) -> SettingError:
    why = f"{what} ({' '.join(str(error).split())})" if error else what
    how = (
        f"run with data.download=true on a network, or put {by_hand.format(root=root)} and run again with it"
    )
    return SettingError("root", root, f"the folder of the data set; {why}. To get it {how}")


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".download.lock"):
        yield


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
