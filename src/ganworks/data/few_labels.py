"""Few labelled samples of a larger data set: what augmentation is for, with the rest held out to measure it on."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganworks.data.apart import check_apart, without
from ganworks.data.base import LEAST, GanDataModule
from ganworks.data.files import ImageFiles
from ganworks.data.samples import Rows, Samples, as_fields, repeated, to_float
from ganworks.errors import SettingError, check_count, check_range, setting_path
from ganworks.noise import keyed_rng

log = logging.getLogger(__name__)


class FewLabels(GanDataModule):
    """``per_class`` samples of each class of ``source``, drawn by the seed; what is left over is the reference.

    A reference that the source holds out itself takes the place of what is left over. Samples that are exact copies of
    labelled ones are in no reference. Checkpoints keep which samples were drawn, so that a run which resumes on changed
    files trains on none that it measured on.

    Args:
        source: a data set with one class a sample.
        batch_size: samples in a batch of one device.
        per_class: samples of each class; None takes all but the share ``held_out``.
        num_small: classes, drawn by the seed, that have ``per_small`` samples alone.
        per_small: samples of those classes.
        oversample: let the GAN see each class equally often: the samples of smaller ones come again.
        held_out: share of each class that is kept apart where ``per_class`` is None.
        test: a data set to measure on in place of what is left over; its folder shares no file with the source's.
        shape, num_classes: of the source; what the networks are built for.
        seed, horizontal_flip, vertical_flip, min_batches: see `GanDataModule`.

    Attributes:
        small: numbers of the small classes.

    Raises:
        SettingError: a count out of range, a class with too few samples, a source without classes, or a ``test`` that
            has others, or whose folder is, contains or lies in that of the source.
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
        vertical_flip: bool = False,
    ) -> None:
        super().__init__(
            tuple(source.shape),
            source.num_classes,
            batch_size,
            seed,
            horizontal_flip,
            min_batches,
            source.kind,
            vertical_flip,
        )
        self.source, self.test = source, test
        self.name = f"{source.name} (few labels)"
        self.per_class = None if per_class is None else check_count("per_class", per_class)
        self.num_small = check_count("num_small", num_small, at_least=0)
        self.per_small = check_count("per_small", per_small)
        self.oversample, self.held_out = oversample, check_range("held_out", held_out, 0.0, 0.9)
        self._rows: list[Tensor] | None = None

    def prepare_data(self) -> None:
        """Prepare the source and ``test``, which have no folder in common."""
        if self.test is not None:
            check_apart(self.source, self.test)
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
        return Rows(self.source.samples, repeated(every, LEAST * self.batch_size))

    def load_reference(self) -> Samples:
        """Return the samples to measure on, none of which is among the labelled ones."""
        found = self._beside()
        kept = without(found, Rows(self.source.samples, torch.cat(self.rows)))
        if num := len(found) - len(kept):
            what = "%s: %d of %d samples to measure on have an exact copy among the labelled ones, and are left out"
            log.warning(what, self.name, num, len(found))
        if not len(kept):
            if self.test is None:
                raise SettingError("per_class", self.per_class, "less than all: none is left to measure on")
            allowed = "data of which some are no copy of the labelled ones: none is left to measure on"
            raise SettingError("test", self.test.name, allowed)
        return kept

    def _beside(self) -> Samples:
        """Return the samples of ``test``, those that the source holds out, or what is left over."""
        if self.test is not None:
            return self._tested()
        if (apart := held_out_of(self.source)) is not None:
            return apart
        taken = torch.zeros(len(self.source.samples), dtype=torch.bool)
        taken[torch.cat(self.rows)] = True
        return Rows(self.source.samples, (~taken).nonzero().flatten())

    def _tested(self) -> Samples:
        """Return the samples of ``test``; raise unless it has the classes of the source."""
        assert self.test is not None
        check_apart(self.source, self.test)
        samples, ours = self.test.samples, [str(name) for name in self.classes]
        if samples.labels is None or samples.labels.is_floating_point():
            raise SettingError(
                "test", self.test.name, "data with one class a sample, such as a folder by class"
            )
        others = [str(name) for name in self.test.classes]
        if ours and others and others != ours:
            allowed = f"data with the classes {', '.join(ours)}, not {', '.join(others)}"
            raise SettingError("test", self.test.name, allowed)
        if self.test.num_classes != self.source.num_classes:
            allowed = f"data with {self.source.num_classes} classes, not {self.test.num_classes}"
            raise SettingError("test", self.test.name, allowed)
        return samples

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

    def state_dict(self) -> dict[str, Any]:
        """Return the loader's position, what tells source and ``test`` from others, and which samples were drawn."""
        state = {**super().state_dict(), "source": self.source.state_dict(), "drawn": self._drawn()}
        return state if self.test is None else {**state, "test": self.test.state_dict()}

    def check_same(self, state_dict: dict[str, Any]) -> None:
        """Raise `SettingError` where the checkpoint was trained on other files; where that is accepted, draw the same.

        A fresh draw out of changed files would train on samples that were held out.
        """
        with setting_path("source"):
            self.source.check_same(state_dict.get("source") or {})
        if self.test is not None:
            with setting_path("test"):
                self.test.check_same(state_dict.get("test") or {})
        drawn = state_dict.get("drawn")
        if drawn is not None and drawn != self._drawn():
            self._draw_again(drawn)

    def _names(self) -> Sequence[str]:
        """Return what the samples of the source are called: its files, or their numbers."""
        files = getattr(self.source, "labelled", None)
        return files.names if isinstance(files, ImageFiles) else [*map(str, range(len(self.source.samples)))]

    def _drawn(self) -> list[str]:
        names = self._names()
        return [names[row] for row in torch.cat(self.rows).tolist()]

    def _draw_again(self, drawn: Sequence[str]) -> None:
        """Take the samples ``drawn`` by name, those that are gone left out."""
        number = {name: index for index, name in enumerate(self._names())}
        rows = torch.tensor([number[name] for name in drawn if name in number], dtype=torch.long)
        labels = self.source.samples.labels
        assert labels is not None
        found = [rows[labels[rows] == label] for label in range(self.num_classes)]
        if not all(map(len, found)):
            allowed = "with the labelled samples of the run: of a class, all of these are gone"
            raise SettingError("source", self.source.name, allowed)
        log.warning(
            "%s: %d of the %d labelled samples of the run are there", self.name, len(rows), len(drawn)
        )
        self._rows, self._samples, self._reference, self._fingerprint = found, None, None, None

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
