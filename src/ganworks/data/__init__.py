"""Data sets as LightningDataModules, and the resumable loaders under them."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.data.base import GanDataModule, ImageDataModule
    from ganworks.data.clips import Clips
    from ganworks.data.digits import Digits
    from ganworks.data.domains import Domains
    from ganworks.data.fashion_edges import FashionEdges
    from ganworks.data.few_labels import FewLabels
    from ganworks.data.folder import Folder
    from ganworks.data.hf import HuggingFace
    from ganworks.data.image_files import FilesDataModule
    from ganworks.data.latents import Latents
    from ganworks.data.loader import BatchLoader, WorkerLoader
    from ganworks.data.mixture import Grid, HighDimensional, Line, Mixture, Ring
    from ganworks.data.moving_digits import MovingDigits
    from ganworks.data.oracle import Oracle
    from ganworks.data.order import KeyedOrder
    from ganworks.data.pairs import Pairs
    from ganworks.data.printed import PrintedDigits
    from ganworks.data.samples import Samples, TensorSamples, to_float
    from ganworks.data.series import SeriesFiles, Sines
    from ganworks.data.stacked_digits import StackedDigits
    from ganworks.data.streams import StreamLoader
    from ganworks.data.superres import DigitsSuperres
    from ganworks.data.superres_folder import Superres
    from ganworks.data.table import TableFile
    from ganworks.data.text import Text
    from ganworks.data.tokens import TokenDataModule, TokenSamples
    from ganworks.data.unpaired import UnpairedModule
    from ganworks.data.vision import CIFAR10, MNIST, CelebA, FashionMNIST, Vision
    from ganworks.data.webdataset import WebDataset
    from ganworks.data.words import Words
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "CIFAR10",
    "MNIST",
    "BatchLoader",
    "CelebA",
    "Clips",
    "Digits",
    "DigitsSuperres",
    "Domains",
    "FashionEdges",
    "FashionMNIST",
    "FewLabels",
    "FilesDataModule",
    "Folder",
    "GanDataModule",
    "Grid",
    "HighDimensional",
    "HuggingFace",
    "ImageDataModule",
    "KeyedOrder",
    "Latents",
    "Line",
    "Mixture",
    "MovingDigits",
    "Oracle",
    "Pairs",
    "PrintedDigits",
    "Ring",
    "Samples",
    "SeriesFiles",
    "Sines",
    "StackedDigits",
    "StreamLoader",
    "Superres",
    "TableFile",
    "TensorSamples",
    "Text",
    "TokenDataModule",
    "TokenSamples",
    "UnpairedModule",
    "Vision",
    "WebDataset",
    "Words",
    "WorkerLoader",
    "to_float",
]
