"""Series of values: sines that are drawn, and a user's own recordings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganworks.data.base import GanDataModule, check_shape
from ganworks.data.columns import Sheet, csv_files, extremes, scaled
from ganworks.data.samples import TensorSamples
from ganworks.errors import SettingError, check_count, check_range
from ganworks.noise import keyed_rng
from ganworks.sample.columns import Series


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


class SeriesFiles(SeriesDataModule):
    """Windows of a user's recordings: one CSV file, or a folder of them, a row for each step.

    What is held out is never in a window that is trained on: whole recordings where there are several, else the end of
    the only one. The scaling of each column to [-1, 1] is that of the part that is trained on; it is kept with the run,
    so that samples are written in the units of the file.

    Args:
        root: a CSV file with a head, or a folder of them.
        length: steps of a window.
        stride: steps between the beginnings of two windows.
        columns: names of the columns to take; None takes all that hold numbers.
        group: a column whose value tells several recordings of a file apart; None: a file is one.
        held_out: share of the recordings, or of the only one, that the figures are taken against.
        batch_size, shape, seed, min_batches: see `GanDataModule`.

    Raises:
        SettingError: no file, a column that is not there or never changes, recordings shorter than ``length``.
        GanworksError: a value that is no number, with its line.
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
    ) -> None:
        check_count("length", length, at_least=2)
        self.files = csv_files(root)
        first = Sheet.read(self.files[0])
        self.columns = list(columns) if columns else first.numeric([group] if group else [])
        if not self.columns:
            raise SettingError("columns", columns, f"given: no column of {self.files[0]} holds numbers")
        for name in self.columns:
            first.column(name)
        if group is not None:
            first.column(group, "group")
        super().__init__(
            length, len(self.columns), batch_size, shape, seed, min_batches, Series(self.columns)
        )
        self.length, self.stride = int(length), check_count("stride", stride)
        self.group, self.held_out = group, check_range("held_out", held_out, 0.01, 0.9)
        self._parts: tuple[Tensor, Tensor] | None = None

    def load(self) -> TensorSamples:
        """Read the windows to train on, and learn the scaling from them."""
        return TensorSamples(self.parts[0])

    def load_reference(self) -> TensorSamples:
        """Return the windows that are held out, in the same scaling; a value may lie outside of [-1, 1]."""
        return TensorSamples(self.parts[1])

    @property
    def settled(self) -> dict[str, Any]:
        """The columns and the shape, which the file has told."""
        return {"shape": list(self.shape), "columns": self.columns}

    @property
    def parts(self) -> tuple[Tensor, Tensor]:
        """The windows (N, T, D) to train on and those that are held out."""
        if self._parts is None:
            train, apart = self._split(self._recordings())
            windows = [self._windows(part) for part in (train, apart)]
            lowest, highest = extremes(windows[0], self.columns)
            self.kind = Series(self.columns, lowest, highest)
            first, second = (scaled(each, lowest, highest) for each in windows)
            self._parts = first, second
        return self._parts

    def _recordings(self) -> list[Tensor]:
        found: list[Tensor] = []
        for file in self.files:
            sheet = Sheet.read(file)
            values = sheet.numbers(self.columns)
            if self.group is None:
                found.append(values)
                continue
            names = sheet.column(self.group, "group")
            for name in dict.fromkeys(names):
                found.append(values[[index for index, each in enumerate(names) if each == name]])
        return found

    def _split(self, recordings: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        if len(recordings) > 1:
            order = torch.randperm(
                len(recordings), generator=keyed_rng(self.seed, "series", "split")
            ).tolist()
            num = min(max(1, round(self.held_out * len(order))), len(order) - 1)
            apart = set(order[:num])
            pairs = list(enumerate(recordings))
            return [each for i, each in pairs if i not in apart], [each for i, each in pairs if i in apart]
        (only,) = recordings
        start = len(only) - max(self.length, round(self.held_out * len(only)))
        if start < self.length:
            raise SettingError(
                "length",
                self.length,
                f"at most {len(only) // 2}: {self.files[0]} has {len(only)} rows, to train on and to hold out",
            )
        return [only[:start]], [only[start:]]

    def _windows(self, recordings: Sequence[Tensor]) -> Tensor:
        long = [each for each in recordings if len(each) >= self.length]
        if not long:
            most = max(len(each) for each in recordings)
            raise SettingError("length", self.length, f"at most {most}, the rows of the longest recording")
        # unfold: (windows, D, T)
        return torch.cat([each.unfold(0, self.length, self.stride).transpose(1, 2) for each in long])
