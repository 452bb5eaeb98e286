"""Series of values: sines that are drawn, and a user's own recordings."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ganworks.data.base import GanDataModule, check_shape
from ganworks.data.columns import Sheet, check_columns, csv_files, hash_of, scaled
from ganworks.data.own_columns import OwnColumns, held_out_of
from ganworks.data.samples import TensorSamples
from ganworks.errors import SettingError, check_count, check_range
from ganworks.noise import keyed_rng
from ganworks.sample.columns import Series

log = logging.getLogger(__name__)
LEAST = 10  # windows of a set that the metrics read


class SeriesDataModule(GanDataModule):
    """Series (T, D) in [-1, 1], with a reference that is held out, and lines that no network made.

    A subclass sets ``name`` and implements `load` and `load_reference`.

    Args:
        length: steps of a series, T.
        num_columns: values at a step, D.
        shape: what the networks are built for: (length, columns), or None.
        others: see `GanDataModule`.
    """

    def __init__(
        self,
        length: int,
        num_columns: int,
        batch_size: int,
        shape: Sequence[int] | None = None,
        seed: int = 0,
        min_batches: int = 1,
        kind: Series | None = None,
    ) -> None:
        size = (check_count("length", length, at_least=2), num_columns)
        check_shape(shape, size, "length and columns")
        super().__init__(size, 0, batch_size, seed, min_batches=min_batches, kind=kind or Series())

    def baselines(self, num: int, seed: int) -> dict[str, dict[str, Tensor]]:
        """Return lines beside the generator's: reals shuffled in time, and noise of their mean and deviation."""
        rows = torch.randint(len(self.reference), (num,), generator=keyed_rng(seed, "series", "baseline"))
        real = torch.as_tensor(self.reference.read(rows))
        rng = keyed_rng(seed, "series", "shuffled")
        order = torch.rand(num, self.shape[0], generator=rng).argsort(1)
        shuffled = real.gather(1, order[..., None].expand_as(real))
        flat = real.flatten(0, 1)
        noise = torch.randn(real.shape, generator=keyed_rng(seed, "series", "noise"))
        noise = (flat.mean(0) + flat.std(0) * noise).clamp(-1, 1)
        return {"shuffled in time": {"real": shuffled}, "white noise": {"real": noise}}


class Sines(SeriesDataModule):
    """Sines of random frequency and phase in each column, independent of each other.

    x_t = sin(f t + p), f uniform in [0, ``max_frequency``], p in [0, ``max_phase``], t = 0 ... T - 1. The constants are
    those of TimeGAN's published code (Yoon et al. 2019, section 5.1 has the same with other ranges), which takes
    (x + 1) / 2; in CSV files samples have that unit.

    Args:
        length: steps; 24 in TimeGAN.
        num_columns: columns; 5 in TimeGAN.
        num_samples: series to train on; 10,000 in TimeGAN.
        num_reference: series to measure against, drawn apart from the others.
        max_frequency, max_phase: in radians a step, and radians.
        batch_size, shape, seed, min_batches: see `GanDataModule`.

    >>> Sines(num_samples=8, num_reference=4).samples.read(torch.arange(8)).shape
    torch.Size([8, 24, 5])
    """

    name = "sines"

    def __init__(
        self,
        length: int = 24,
        num_columns: int = 5,
        num_samples: int = 10_000,
        num_reference: int = 5_000,
        max_frequency: float = 0.1,
        max_phase: float = 0.1,
        batch_size: int = 128,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        seed: int = 0,
        min_batches: int = 1,
    ) -> None:
        num_columns = check_count("num_columns", num_columns)
        kind = Series([f"sine_{i}" for i in range(num_columns)], [0.0] * num_columns, [1.0] * num_columns)
        super().__init__(length, num_columns, batch_size, shape, seed, min_batches, kind)
        self.num_samples = check_count("num_samples", num_samples)
        self.num_reference = check_count("num_reference", num_reference, at_least=2)
        self.max_frequency = check_range("max_frequency", max_frequency, 1e-6, math.pi)
        self.max_phase = check_range("max_phase", max_phase, 0.0)

    def load(self) -> TensorSamples:
        """Draw the series to train on."""
        return TensorSamples(self._draw(self.num_samples, "train"))

    def load_reference(self) -> TensorSamples:
        """Draw the series to measure against."""
        return TensorSamples(self._draw(self.num_reference, "reference"))

    def _draw(self, num: int, part: str) -> Tensor:
        draws = torch.rand(
            2, num, 1, self.shape[1], generator=keyed_rng(self.seed, "sines", part), dtype=torch.float64
        )
        steps = torch.arange(self.shape[0], dtype=torch.float64)[:, None]
        return (self.max_frequency * draws[0] * steps + self.max_phase * draws[1]).sin().float()


class SeriesFiles(OwnColumns, SeriesDataModule):
    """Windows of a user's recordings: one CSV file, or a folder of them, a row for each step.

    What is held out is never in a window that is trained on: whole recordings where there are several, else the end of
    the only one. The scaling of each column to [-1, 1] is that of the part that is trained on; it is kept with the run,
    so that samples are written in the units of the file. The metrics read windows that share no step: with steps in
    common, a network that is trained on some of them knows the others.

    Args:
        root: a CSV file with a head, or a folder of them.
        length: steps of a window.
        stride: steps between the beginnings of two windows.
        columns: names of the columns to take; None takes all most of whose values are numbers.
        group: a column whose value tells several recordings of a file apart; None: a file is one.
        held_out: share of the recordings, or of the only one, that the figures are taken against.
        split_seed: key of the recordings that are held out, the same for all runs however they are seeded.
        lowest, highest: values that become -1 and 1 in each column; None takes them from what is trained on.
        changed: whether a checkpoint resumes with other values: "error" or "accept".
        batch_size, shape, seed, min_batches: see `GanDataModule`.

    Raises:
        SettingError: no file, a column that is not there or never changes, all recordings shorter than ``length``.
        GanworksError: a value that is no number, with its line, or two columns of one name.
    """

    name = "series"

    def __init__(
        self,
        root: str | Path | None,
        length: int = 24,
        stride: int = 1,
        columns: Sequence[str] | None = None,
        group: str | None = None,
        held_out: float = 0.2,
        batch_size: int = 128,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        seed: int = 0,
        min_batches: int = 1,
        split_seed: int = 0,
        lowest: Sequence[float] | None = None,
        highest: Sequence[float] | None = None,
        changed: str = "error",
    ) -> None:
        check_count("length", length, at_least=2)
        self.files = csv_files(root)
        first = Sheet.read(self.files[0])
        self.columns = check_columns(first, columns, [group] if group else [])
        if group is not None:
            first.column(group, "group")
        super().__init__(
            length, len(self.columns), batch_size, shape, seed, min_batches, Series(self.columns)
        )
        self.length, self.stride = int(length), check_count("stride", stride)
        self.group = group
        self.set_split(held_out, split_seed, changed)
        self.set_scaling(lowest, highest)
        self._parts: tuple[Tensor, Tensor, Tensor] | None = None
        self._read: dict[str, Tensor] | None = None

    def load(self) -> TensorSamples:
        """Read the windows to train on, and learn the scaling from them."""
        return TensorSamples(self.parts[0])

    def load_reference(self) -> TensorSamples:
        """Return the windows that are held out, in the same scaling; a value may lie outside of [-1, 1]."""
        return TensorSamples(self.parts[1])

    def training_data(self) -> GanDataModule:
        training = super().training_data()
        training._reference = TensorSamples(self.parts[2])
        return training

    @property
    def content(self) -> str:
        return hash_of([*self.recordings.values()], [*self.columns, *self.recordings])

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """The windows (N, T, D) to train on, those that are held out, and of the former some that share no step."""
        if self._parts is None:
            train, apart = self._split()
            windows = [self._windows(train), self._apart(apart), self._apart(train)]
            lowest, highest = self.scaling(windows[0])
            self.kind = Series(self.columns, lowest, highest)
            first, second, third = (scaled(each, lowest, highest) for each in windows)
            self._parts = first, second, third
        return self._parts

    @property
    def recordings(self) -> dict[str, Tensor]:
        """All recordings (steps, D) by file and group, whatever their length."""
        if self._read is None:
            self._read = {}
            for file in self.files:
                sheet = Sheet.read(file)
                values = sheet.numbers(self.columns)
                names = [""] * len(values) if self.group is None else sheet.column(self.group, "group")
                rows: dict[str, list[int]] = {}
                for index, name in enumerate(names):
                    rows.setdefault(name, []).append(index)
                self._read |= {f"{file.name}\x1f{name}": values[each] for name, each in rows.items()}
        return self._read

    def _split(self) -> tuple[list[Tensor], list[Tensor]]:
        long = {name: each for name, each in self.recordings.items() if len(each) >= self.length}
        if not long:
            most = max(map(len, self.recordings.values()))
            raise SettingError("length", self.length, f"at most {most}, the rows of the longest recording")
        if num_short := len(self.recordings) - len(long):
            log.warning(
                "%s: %d of %d recordings are left out: they have less than data.length=%d rows",
                *(self.files[0].parent, num_short, len(self.recordings), self.length),
            )
        if len(long) > 1:
            is_apart = held_out_of(list(long), self.held_out, self.split_seed, "series", "split")
            pairs = list(zip(long.values(), is_apart, strict=True))
            return [each for each, out in pairs if not out], [each for each, out in pairs if out]
        (only,) = long.values()
        start = len(only) - max(self.length, round(self.held_out * len(only)))
        if start < self.length:
            allowed = (
                f"at most {len(only) // 2}: {self.files[0]} has {len(only)} rows, to train on and to hold out"
            )
            raise SettingError("length", self.length, allowed)
        return [only[:start]], [only[start:]]

    def _windows(self, recordings: Sequence[Tensor], stride: int | None = None) -> Tensor:
        # unfold: (windows, D, T)
        step = stride or self.stride
        return torch.cat([each.unfold(0, self.length, step).transpose(1, 2) for each in recordings])

    def _apart(self, recordings: Sequence[Tensor]) -> Tensor:
        """Return windows that share no step; of short recordings `LEAST` ones that do, and a warning."""
        step = max(self.stride, self.length)
        found = self._windows(recordings, step)
        while len(found) < LEAST and step > self.stride:
            step -= 1
            found = self._windows(recordings, step)
        if step < self.length:
            log.warning(
                "the figures are taken from windows that share steps, since %d steps are too few for %d others of"
                " data.length=%d: a network that tells them from fakes may know them by heart",
                *(sum(map(len, recordings)), LEAST, self.length),
            )
        return found
