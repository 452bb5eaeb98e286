"""Few labelled samples of a larger data set: what augmentation is for, with the rest held out to measure it on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganworks.data.base import GanDataModule
from ganworks.data.samples import Fields, Samples, as_fields, to_float
from ganworks.errors import SettingError, check_count, check_range
from ganworks.noise import keyed_rng

LEAST = 8  # batches of one device in a pass


class Rows:
    """Some rows of other samples, each as often as it is named; nothing is copied.

    Args:
        samples: the others.
        rows: int64 (N,), numbers of their samples.
    """

    def __init__(self, samples: Samples, rows: Tensor) -> None:
        self.samples, self.rows = samples, rows
        self.labels = None if samples.labels is None else samples.labels[rows]

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, indices: Tensor) -> Tensor | Fields:
        """Return the samples at ``indices`` (B,) of the rows."""
        return self.samples.read(self.rows[indices])


class FewLabels(GanDataModule):
    """``per_class`` samples of each class of ``source``, drawn by the seed; what is left over is the reference.

    A reference that the source holds out itself takes the place of what is left over.

    Args:
        source: a data set with one class a sample.
        batch_size: samples in a batch of one device.
        per_class: samples of each class; None takes all but the share ``held_out``.
        num_small: classes, drawn by the seed, that have ``per_small`` samples alone.
        per_small: samples of those classes.
        oversample: let the GAN see each class equally often: the samples of smaller ones come again.
        held_out: share of each class that is kept apart where ``per_class`` is None.
        test: a data set to measure on in place of what is left over.
        shape, num_classes: of the source; what the networks are built for.
        seed, horizontal_flip, min_batches: see `GanDataModule`.

    Attributes:
        small: numbers of the small classes.

    Raises:
        SettingError: a count out of range, a class with too few samples, or a source without classes.
    """

    def __init__(
        self,
        source: GanDataModule,
        batch_size: int = 64,
        per_class: int | None = None,
        num_small: int = 0,
        per_small: int = 5,
        oversample: bool = True,
        held_out: float = 0.25,
        test: GanDataModule | None = None,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        seed: int = 0,
        horizontal_flip: bool = False,
        min_batches: int = 1,
    ) -> None:
        super().__init__(
            tuple(source.shape),
            source.num_classes,
            batch_size,
            seed,
            horizontal_flip,
            min_batches,
            source.kind,
        )
        self.source, self.test = source, test
        self.name = f"{source.name} (few labels)"
        self.per_class = None if per_class is None else check_count("per_class", per_class)
        self.num_small = check_count("num_small", num_small, at_least=0)
        self.per_small = check_count("per_small", per_small)
        self.oversample, self.held_out = oversample, check_range("held_out", held_out, 0.0, 0.9)
        self._rows: list[Tensor] | None = None

    def prepare_data(self) -> None:
        """Prepare the source."""
        self.source.prepare_data()
        if self.test is not None:
            self.test.prepare_data()

    def load(self) -> Samples:
        """Draw the labelled samples; those of smaller classes come again where ``oversample`` is set.

        A set smaller than `LEAST` batches comes several times: a pass over it may then fill a batch of many devices.
        """
        rows = self.rows
        if self.oversample:
            most = max(map(len, rows))
            rows = [each.repeat(math.ceil(most / len(each)))[:most] for each in rows]
        every = torch.cat(rows)
        return Rows(self.source.samples, every.repeat(math.ceil(LEAST * self.batch_size / len(every))))

    def load_reference(self) -> Samples:
        """Return the samples to measure on, none of which is among the labelled ones."""
        if self.test is not None:
            samples, others = self.test.samples, [str(name) for name in self.test.classes]
            if self.classes and others and others != [str(name) for name in self.classes]:
                allowed = (
                    f"data with the classes {', '.join(map(str, self.classes))}, not {', '.join(others)}"
                )
                raise SettingError("test", self.test.name, allowed)
            return samples
        if (apart := held_out_of(self.source)) is not None:
            return apart
        taken = torch.zeros(len(self.source.samples), dtype=torch.bool)
        taken[torch.cat(self.rows)] = True
        rest = (~taken).nonzero().flatten()
        if not len(rest):
            raise SettingError("per_class", self.per_class, "less than all: none is left to measure on")
        return Rows(self.source.samples, rest)

    @property
    def rows(self) -> list[Tensor]:
        """The labelled rows of the source, of each class."""
        if self._rows is None:
            self._rows = self._draw()
        return self._rows

    @property
    def small(self) -> list[int]:
        """The classes that have less than half as many labelled samples as the largest one; all where none has."""
        counts = [len(rows) for rows in self.rows]
        found = [label for label, count in enumerate(counts) if 2 * count < max(counts)]
        return found or list(range(len(counts)))

    @property
    def labelled(self) -> tuple[Tensor, Tensor]:
        """The labelled samples (N, *shape) in the networks' range and their classes (N,), each once."""
        return read_all(Rows(self.source.samples, torch.cat(self.rows)))

    @property
    def tested(self) -> tuple[Tensor, Tensor]:
        """The reference samples (N, *shape) in the networks' range and their classes (N,)."""
        return read_all(self.reference)

    @property
    def classes(self) -> Sequence[str]:  # type: ignore[override]
        """The names of the source's classes."""
        return self.source.classes

    @property
    def settled(self) -> dict[str, Any]:
        """What the source has told of itself."""
        told: Mapping[str, Any] = self.source.settled
        return {"source": dict(told)} if told else {}

    def describe(self) -> dict[str, Any]:
        """Return what summary.json says of the data: also how many labelled samples each class has."""
        return {**super().describe(), "per_class": [len(rows) for rows in self.rows]}

    def _draw(self) -> list[Tensor]:
        labels = self.source.samples.labels
        if labels is None or labels.is_floating_point():
            raise SettingError("source", self.source.name, "data with one class a sample")
        self.num_classes = self.source.num_classes
        if self.num_small > self.num_classes:
            raise SettingError("num_small", self.num_small, f"at most {self.num_classes}, all classes")
        order = torch.randperm(self.num_classes, generator=keyed_rng(self.seed, "few labels", "small"))
        small = set(order[: self.num_small].tolist())
        return [self._draw_class(labels, label, label in small) for label in range(self.num_classes)]

    def _draw_class(self, labels: Tensor, label: int, is_small: bool) -> Tensor:
        rows = (labels == label).nonzero().flatten()
        num = self.per_class
        if num is None:
            is_kept = self.test is not None or held_out_of(self.source) is not None
            num = len(rows) if is_kept else len(rows) - math.ceil(self.held_out * len(rows))
        name, num = ("per_small", self.per_small) if is_small else ("per_class", num)
        if num > len(rows) or num < 1:
            words = self.classes[label] if self.classes else label
            raise SettingError(name, num, f"1 to {len(rows)}, the samples of class {words}")
        return rows[torch.randperm(len(rows), generator=keyed_rng(self.seed, "few labels", label))[:num]]


def held_out_of(data: GanDataModule) -> Samples | None:
    """Return the samples that a data set keeps apart from its training itself, or None."""
    return data.reference if data.has_own_reference else None


def read_all(samples: Samples) -> tuple[Tensor, Tensor]:
    """Return all samples (N, *shape) in the networks' range, and their labels (N,)."""
    assert samples.labels is not None
    return to_float(as_fields(samples.read(torch.arange(len(samples))))["real"]), samples.labels
