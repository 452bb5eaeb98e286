"""Data sets as LightningDataModules, and the resumable loaders under them."""

from ganworks.data.base import GanDataModule, ImageDataModule
from ganworks.data.digits import Digits
from ganworks.data.loader import BatchLoader, WorkerLoader
from ganworks.data.mixture import Grid, Mixture, Ring
from ganworks.data.order import KeyedOrder
from ganworks.data.samples import Samples, TensorSamples, to_float

__all__ = [
    "BatchLoader",
    "Digits",
    "GanDataModule",
    "Grid",
    "ImageDataModule",
    "KeyedOrder",
    "Mixture",
    "Ring",
    "Samples",
    "TensorSamples",
    "WorkerLoader",
    "to_float",
]
