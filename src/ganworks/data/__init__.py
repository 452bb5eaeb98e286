"""Data sets as LightningDataModules, and the resumable loaders under them."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.data.base import GanDataModule, ImageDataModule
    from ganworks.data.clips import Clips
    from ganworks.data.digits import Digits
    from ganworks.data.folder import Folder
    from ganworks.data.image_files import FilesDataModule
    from ganworks.data.loader import BatchLoader, WorkerLoader
    from ganworks.data.mixture import Grid, Mixture, Ring
    from ganworks.data.moving_digits import MovingDigits
    from ganworks.data.order import KeyedOrder
    from ganworks.data.samples import Samples, TensorSamples, to_float
    from ganworks.data.vision import CIFAR10, MNIST, CelebA, FashionMNIST, Vision
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "CIFAR10",
    "MNIST",
    "BatchLoader",
    "CelebA",
    "Clips",
    "Digits",
    "FashionMNIST",
    "FilesDataModule",
    "Folder",
    "GanDataModule",
    "Grid",
    "ImageDataModule",
    "KeyedOrder",
    "Mixture",
    "MovingDigits",
    "Ring",
    "Samples",
    "TensorSamples",
    "Vision",
    "WorkerLoader",
    "to_float",
]
