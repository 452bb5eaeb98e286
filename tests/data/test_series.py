"""Sines, recordings and tables: keyed, scaled by what is trained on, and refused where they cannot be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from ganworks.data import SeriesFiles, Sines, TableFile
from ganworks.data.columns import scaled, unscaled
from ganworks.errors import GanworksError, SettingError


def every(samples: Any) -> torch.Tensor:
    return samples.read(torch.arange(len(samples)))


def test_sines_are_sines_of_timegans_frequencies_and_phases() -> None:
    series = every(Sines(num_samples=500, num_reference=10).samples).double()
    phase = series[:, 0].asin()
    assert phase.min() >= 0
    assert phase.max() <= 0.1 + 1e-6
    frequency = (series[:, 1].asin() - phase).double()
    assert frequency.max() <= 0.1 + 1e-4
    steps = torch.arange(24, dtype=torch.float64)[None, :, None]
    torch.testing.assert_close(series, (frequency[:, None] * steps + phase[:, None]).sin(), atol=1e-4, rtol=0)
    assert not torch.allclose(series, (1.1 * frequency[:, None] * steps + phase[:, None]).sin(), atol=1e-2)


def test_sines_are_keyed_by_the_seed_and_the_reference_is_drawn_apart() -> None:
    first, again, other = (Sines(num_samples=20, num_reference=20, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(every(first.samples), every(again.samples))
    assert not torch.equal(every(first.samples), every(other.samples))
    assert not torch.equal(every(first.samples), every(first.reference))


def test_baselines_keep_values_or_moments_and_lose_the_time() -> None:
    data = Sines(num_samples=20, num_reference=50)
    lines = data.baselines(200, seed=0)
    real = every(data.reference)
    shuffled, noise = lines["shuffled in time"]["real"], lines["white noise"]["real"]
    assert shuffled.shape == noise.shape == (200, 24, 5)
    assert set(shuffled.flatten().tolist()) <= set(real.flatten().tolist())
    assert noise.mean((0, 1)).sub(real.mean((0, 1))).abs().max() < 0.05
    steps = lambda x: x.diff(dim=1).abs().mean()  # noqa: E731
    assert steps(shuffled) > 3 * steps(real)
    assert torch.equal(data.baselines(200, seed=0)["white noise"]["real"], noise)


def recording(path: Path, num: int, start: int = 0) -> Path:
    lines = [f"{start + i},{10 + start + i},{math.sin(start + i)},day" for i in range(num)]
    path.write_text("time,level,wave,word\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_one_recording_is_cut_into_windows_and_its_end_is_held_out(tmp_path: Path) -> None:
    file = recording(tmp_path / "a.csv", 100)
    data = SeriesFiles(file, length=10, stride=5, columns=["level", "wave"], held_out=0.2)
    data.check = lambda: None  # type: ignore[method-assign]
    train, apart = every(data.samples), every(data.reference)
    assert data.shape == (10, 2)
    assert train.shape == (15, 10, 2)  # 80 rows
    assert apart.shape == (3, 10, 2)  # 20 rows
    assert train[..., 0].min() == -1
    assert train[..., 0].max() == 1
    assert apart[..., 0].min() > 1  # it goes on rising: nothing of it is in the training windows
    levels = data.kind.in_units(train)[..., 0]  # type: ignore[attr-defined]
    torch.testing.assert_close(levels[1], torch.arange(15.0, 25.0).double(), atol=1e-5, rtol=0)
    assert data.settled["shape"] == [10, 2]
    assert data.settled["columns"] == ["level", "wave"]
    assert (data.settled["lowest"][0], data.settled["highest"][0]) == (10, 89)


def test_of_several_recordings_whole_ones_are_held_out_and_windows_never_cross(tmp_path: Path) -> None:
    for number in range(5):
        recording(tmp_path / f"{number}.csv", 12, 1000 * number)
    data = SeriesFiles(tmp_path, length=10, held_out=0.2)
    assert data.columns == ["time", "level", "wave"]
    units = data.kind.in_units  # type: ignore[attr-defined]
    assert len(data.samples) == 4 * 3
    assert len(data.reference) == 3
    data.samples  # noqa: B018
    times = data.kind.in_units(every(data.samples))[..., 0]  # type: ignore[attr-defined]
    assert times.diff(dim=1).sub(1).abs().max() < 1e-3
    apart = data.kind.in_units(every(data.reference))[..., 0] // 1000  # type: ignore[attr-defined]
    assert not set(apart.flatten().tolist()) & set((times // 1000).flatten().tolist())
    assert units is not None


def test_a_column_may_tell_recordings_of_one_file_apart(tmp_path: Path) -> None:
    rows = [f"{name},{i}" for name in ("a", "b", "c") for i in range(6)]
    (tmp_path / "x.csv").write_text("who,value\n" + "\n".join(rows), encoding="utf-8")
    data = SeriesFiles(tmp_path / "x.csv", length=6, group="who", held_out=0.3)
    assert (len(data.samples), len(data.reference)) == (2, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"root": None}, "root=null: must be given"),
        ({"columns": ["levle"]}, "Did you mean 'level'"),
        ({"group": "who"}, "group=who: must be a column"),
        ({"length": 90}, "length=90: must be at most 50"),
        ({"columns": ["word"]}, "word is 'day', not a finite number"),
        ({"stride": 0}, "stride=0"),
        ({"held_out": 1.5}, "held_out=1.5"),
    ],
)
def test_settings_of_series_that_cannot_be_are_named(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    file = recording(tmp_path / "a.csv", 100)
    with pytest.raises(GanworksError, match=message):
        SeriesFiles(**{"root": file, "length": 10, **settings}).check()


def test_a_wrong_value_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n2\nnan\n", encoding="utf-8")
    with pytest.raises(GanworksError, match=r"x.csv, line 4: a is 'nan'"):
        SeriesFiles(tmp_path / "x.csv", length=2).check()
    (tmp_path / "y.csv").write_text("a,b\n1,2\n3\n", encoding="utf-8")
    with pytest.raises(GanworksError, match=r"line 3: 1 values below 2 names"):
        SeriesFiles(tmp_path / "y.csv", length=2)
    (tmp_path / "z.csv").write_text("a\n" + "1\n" * 50, encoding="utf-8")
    with pytest.raises(SettingError, match="columns=a: must be left out"):
        SeriesFiles(tmp_path / "z.csv", length=2, batch_size=4).check()


def test_scaling_goes_there_and_back() -> None:
    values = torch.rand(7, 3, dtype=torch.float64) * 100
    lowest, highest = [0.0, 10.0, -5.0], [100.0, 90.0, 200.0]
    back = unscaled(scaled(values, lowest, highest), lowest, highest)
    torch.testing.assert_close(back, values, atol=1e-4, rtol=0)
    assert not torch.allclose(unscaled(scaled(values, lowest, highest), lowest, [101.0, 90.0, 200.0]), back)


def table(path: Path, num: int = 60) -> Path:
    rows = [f"{i % 7},{(i * 13) % 11 - 5.5},{'red' if i % 3 else 'blue'}" for i in range(num)]
    path.write_text("size,weight,colour\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_table_has_its_columns_scaled_by_the_rows_that_are_trained_on_and_its_classes(tmp_path: Path) -> None:
    data = TableFile(table(tmp_path / "t.csv"), label="colour", batch_size=8)
    data.check()
    assert data.columns == ["size", "weight"]
    assert (data.shape, data.num_classes, data.classes) == ((2,), 2, ["blue", "red"])
    train, apart = every(data.samples), every(data.reference)
    assert (len(train), len(apart)) == (48, 12)
    assert train.amin(0).tolist() == [-1, -1]
    assert train.amax(0).tolist() == [1, 1]
    assert data.samples.labels is not None
    share = data.samples.labels.double().mean()
    assert 0.55 < share < 0.8
    assert TableFile(table(tmp_path / "t.csv"), label="colour", num_classes=0).num_classes == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"label": "color"}, "label=color: must be a column of .*Did you mean 'colour'"),
        ({"columns": ["size", "colour"]}, "colour is '(red|blue)', not a finite number"),
        ({"label": "colour", "num_classes": 3}, "num_classes=3: must be 2"),
        ({"shape": [5]}, r"shape=\[5\]: must be \[2\]"),
    ],
)
def test_settings_of_a_table_that_cannot_be_are_named(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(GanworksError, match=message):
        TableFile(table(tmp_path / "t.csv"), batch_size=8, **settings).check()
