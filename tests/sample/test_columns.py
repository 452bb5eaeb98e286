"""Values of columns are written with the digits that their range asks for, however far it lies from zero."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from ganworks.sample.columns import Series, Table, num_digits


@pytest.mark.parametrize("offset", [0.0, 100.0, 1.7e9, -1.7e9])
@pytest.mark.parametrize("width", [1e-3, 1.0, 1000.0])
def test_values_are_written_to_a_millionth_of_their_range(
    tmp_path: Path, offset: float, width: float
) -> None:
    values = torch.linspace(-1, 1, 101)[:, None]
    kind = Table(["time"], [offset], [offset + width])
    kind.save_csv(values, tmp_path / "x.csv")
    written = [float(row["time"]) for row in csv.DictReader((tmp_path / "x.csv").open())]
    meant = kind.in_units(values).flatten().tolist()
    resolution = max(1e-6 * width, 2e-16 * abs(offset) * 2)  # a float64 has no finer values
    assert max(abs(a - b) for a, b in zip(written, meant, strict=True)) <= resolution
    assert len(set(written)) == len(set(meant))


def test_seven_digits_would_destroy_times() -> None:
    (text,) = Table(["time"], [1.7e9], [1.7e9 + 1000]).texts([1700000123.456])
    assert text == "1700000123.456"
    assert float(f"{1700000123.456:.7g}") == 1.7e9  # control
    assert next(iter(Series(["x"]).rows(torch.tensor([[[0.1234567891]]])))) == ["0", "0", "0.1234568"]
    assert num_digits(0, 0) == 7
