"""What every data set offers to training; what it offers to the metrics is `ganworks.data.reference`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import Any

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from ganworks.data.loader import BatchLoader
from ganworks.data.order import KeyedOrder
from ganworks.data.reference import Reference
from ganworks.data.sample_format import SampleFormat
from ganworks.data.samples import Rows, Samples, repeated
from ganworks.errors import SettingError, check_count
from ganworks.noise import keyed_rng
from ganworks.sample.kind import Image, Kind, kind_of

LEAST = 8  # batches of one device in a pass over few samples


class GanDataModule(Reference, LightningDataModule):
    """A data set: batches ``{"real": (B, *shape), "label": (B,), ...}`` in an order keyed by the seed, resumable.

    Whatever `Samples.read` returns is handed on as a field of the batch. A subclass sets ``name`` and implements
    `load`. Batches on each device have ``batch_size`` samples.

    Args:
        shape: shape of a sample, (C, H, W), (D,) or any other.
        num_classes: number of classes, or length of the labels where they are vectors; 0 when there are no labels.
        batch_size: real samples in a batch of one device.
        seed: seed of the order and of the flips.
        horizontal_flip: mirror half of the training images, drawn anew every epoch.
        min_batches: a Lightning epoch has at least so many batches, of several passes over few data.
        kind: of the samples; None takes what their shape says.
        vertical_flip: turn half of the training images upside down, drawn anew every epoch.

    Attributes:
        name: of the data set.
        classes: the names of the classes, in the order of their numbers; empty where they have none.
        num_train: train on so many samples alone, drawn by the seed; the metrics compare with all. None trains on all.

    Raises:
        SettingError: a count that is not one, or a shape that the kind does not have.
    """

    name: str = "data"
    classes: Sequence[str] = ()
    num_train: int | None = None

    def __init__(
        self,
        shape: tuple[int, ...],
        num_classes: int,
        batch_size: int,
        seed: int = 0,
        horizontal_flip: bool = False,
        min_batches: int = 1,
        kind: Kind | None = None,
        vertical_flip: bool = False,
    ) -> None:
        super().__init__()
        self.shape, self.num_classes = shape, num_classes
        self.kind = kind or kind_of(shape)
        self.kind.check(shape)
        self.batch_size = check_count("batch_size", batch_size)
        self.min_batches = check_count("min_batches", min_batches)
        self.seed, self.horizontal_flip = check_count("seed", seed, at_least=0), horizontal_flip
        self.vertical_flip = vertical_flip
        self.loader: BatchLoader | None = None
        self._samples: Samples | None = None
        self._loader_state: dict[str, Any] | None = None

    @abstractmethod
    def load(self) -> Samples:
        """Read the data; called once, after `prepare_data`."""

    def training_data(self) -> GanDataModule:
        """Return these data as the metrics would see them if they compared with the training samples."""
        training = copy(self)
        samples = self.samples
        if isinstance(samples, Rows) and self._whole is not None:  # each once
            samples = Rows(self._whole, samples.rows[: self.num_train])
        training._reference, training._fingerprint = samples, None
        return training

    @property
    def samples(self) -> Samples:
        """The data; read on first use."""
        if self._samples is None:
            self._samples = self.load()
            if self.num_classes == 0:
                self._samples.labels = None
            if self.num_train is not None:
                self._whole, self._samples = self._samples, self._few(self._samples)
        return self._samples

    def _few(self, whole: Samples) -> Samples:
        """Return `num_train` of the samples, several times where a pass would have fewer than `LEAST` batches."""
        if self.num_train > len(whole):  # type: ignore[operator]
            raise SettingError("num_train", self.num_train, f"at most {len(whole)}, all of them")
        rows = torch.randperm(len(whole), generator=keyed_rng(self.seed, "num_train"))[: self.num_train]
        return Rows(whole, repeated(rows, LEAST * self.batch_size))

    def setup(self, stage: str | None = None) -> None:
        """Read the data, once."""
        len(self.samples)

    def check(self) -> None:
        """Raise the error that training would run into: data missing, unreadable, mislabelled, or less than a batch."""
        self.prepare_data()
        self.setup()
        self._order()
        if self.samples.labels is not None:
            check_labels(self.samples.labels, len(self.samples), self.num_classes)

    def train_dataloader(self) -> BatchLoader:
        """Return a loader that stands where the restored checkpoint left off."""
        order = self._order()
        self.loader = self.make_loader(order, passes=-(-self.min_batches // len(order)))
        if self._loader_state is not None:
            self.loader.load_state_dict(self._loader_state)
        return self.loader

    def make_loader(self, order: KeyedOrder, passes: int) -> BatchLoader:
        """Return the loader of these batches; a data set that is read by workers returns another."""
        return BatchLoader(self.samples, order, **self.loader_settings(passes))

    def loader_settings(self, passes: int) -> dict[str, Any]:
        """Return what a loader of these batches is told beside samples and order."""
        return {
            "horizontal_flip": self.horizontal_flip,
            "vertical_flip": self.vertical_flip,
            "passes": passes,
            "device": self._device(),
            "kinds": {"real": self.kind},
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the loader's position.

        Lightning saves that of the loader too, but drops it after a checkpoint at an epoch's end.
        """
        return {} if self.loader is None else {"loader": self.loader.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next `train_dataloader` go on from ``state_dict``."""
        self._loader_state = state_dict.get("loader")

    def check_same(self, state_dict: dict[str, Any]) -> None:
        """Raise `SettingError` where the state of a checkpoint says that it was trained on other data."""

    @property
    def settled(self) -> dict[str, Any]:
        """Settings that the data itself has told; a run writes them into its config.yaml."""
        return {}

    def describe(self) -> dict[str, Any]:
        """Return what summary.json says of the data, in plain types."""
        return {
            "name": self.name,
            "num_samples": self.num_train or len(self.samples),
            "label_kind": self.label_kind,
            "num_classes": self.num_classes,
            "classes": list(self.classes),
        }

    @property
    def label_kind(self) -> str:
        """What a label is: "class", "multi" (0 or 1 for each of several classes), "vector" (numbers), or "none"."""
        labels = self.samples.labels
        if labels is None:
            return "none"
        if not labels.is_floating_point():
            return "class"
        return "multi" if bool(((labels == 0) | (labels == 1)).all()) else "vector"

    def _order(self) -> KeyedOrder:
        rank, world_size = _rank_and_world_size()
        return KeyedOrder(len(self.samples), self.batch_size, self.seed, rank, world_size)

    def _device(self) -> torch.device:
        return self.trainer.strategy.root_device if self.trainer is not None else torch.device("cpu")


class ImageDataModule(GanDataModule):
    """A data set of images (channels, height, width) in [-1, 1].

    A subclass whose labels are known beforehand sets ``known_classes``.

    Args:
        batch_size: real images in a batch of one device.
        resolution: height and width, in pixels; images of other sizes are resized to it with antialiasing.
        channels: 1 (gray) or 3 (RGB).
        shape: what the networks are built for: (channels, height, width), or None.
        num_classes: None takes the classes of the data, 0 leaves the labels out.
        seed, horizontal_flip, vertical_flip, min_batches, num_train: see `GanDataModule`.
        how: files become samples, in the place of ``resolution`` and ``channels``; None: the samples are no files.

    Raises:
        SettingError: ``channels``, ``resolution``, ``shape`` or ``num_classes`` does not fit.
    """

    known_classes: int | None = None

    def __init__(
        self,
        batch_size: int,
        resolution: int,
        channels: int,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        seed: int = 0,
        horizontal_flip: bool = False,
        min_batches: int = 1,
        num_train: int | None = None,
        vertical_flip: bool = False,
        how: SampleFormat | None = None,
    ) -> None:
        self.num_train = None if num_train is None else check_count("num_train", num_train)
        if how is None:
            if channels not in (1, 3):
                raise SettingError("channels", channels, "1 (gray) or 3 (RGB)")
            how = SampleFormat(check_count("resolution", resolution), channels)
        self.channels, self.resolution = how.channels, how.size[0]
        check_shape(shape, how.shape, "channels and resolution")
        super().__init__(
            how.shape,
            num_classes or 0,
            batch_size,
            seed,
            horizontal_flip,
            min_batches,
            Image(how.dtype),
            vertical_flip,
        )
        self.wanted_classes = num_classes
        if self.known_classes is not None:
            self.set_classes(self.known_classes)

    def set_classes(self, found: int, what: str = "classes") -> None:
        """Set ``num_classes`` when the data has ``found`` of them, or labels of so many numbers."""
        if self.wanted_classes not in (None, 0, found):
            allowed = f"{found} (the {what} of this data set), or 0 to leave the labels out"
            allowed = allowed if found else "0: this data set has no labels"
            raise SettingError("num_classes", self.wanted_classes, allowed)
        self.num_classes = found if self.wanted_classes is None else self.wanted_classes


def check_shape(shape: Sequence[int] | None, expected: tuple[int, ...], source: str) -> None:
    """Raise `SettingError` when ``shape`` is given and is not ``expected``, which follows from ``source``."""
    if shape is not None and tuple(shape) != expected:
        raise SettingError("shape", list(shape), f"{list(expected)}, which follows from {source}")


def check_labels(labels: Tensor, num: int, num_classes: int) -> None:
    """Raise `SettingError` unless the labels are ``num`` classes below ``num_classes``, or vectors of that length."""
    wanted = (num, num_classes) if labels.is_floating_point() else (num,)
    if tuple(labels.shape) != wanted:
        allowed = f"classes ({num},) or vectors ({num}, {num_classes}): data.num_classes={num_classes}"
        raise SettingError("label", f"a tensor {tuple(labels.shape)}", allowed)
    if labels.is_floating_point():
        wrong = labels[~labels.isfinite()]
    else:
        wrong = labels[(labels < 0) | (labels >= num_classes)]
    for value in wrong[:1].tolist():
        allowed = "a finite number" if labels.is_floating_point() else f"a class from 0 to {num_classes - 1}"
        raise SettingError("label", value, allowed)


def _rank_and_world_size() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1
