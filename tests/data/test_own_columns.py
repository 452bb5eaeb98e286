"""Series and tables of a user: one split for all runs, a kept scaling, a record of the values; files read well."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from ganworks.data import SeriesFiles, TableFile
from ganworks.data.columns import Sheet, csv_files
from ganworks.data.own_columns import held_out_of
from ganworks.errors import GanworksError, SettingError


def every(samples: Any) -> torch.Tensor:
    return samples.read(torch.arange(len(samples)))


def rows(samples: Any) -> set[tuple[float, ...]]:
    return {tuple(row.flatten().tolist()) for row in every(samples)}


def table(path: Path, num: int = 60, start: int = 0) -> Path:
    lines = [f"{i},{math.sin(i):.6f}" for i in range(start, start + num)]
    path.write_text("size,weight\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def recordings(folder: Path, num: int = 10, length: int = 12) -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(num):
        table(folder / f"{number}.csv", length, start=1000 * number)
    return folder


def test_all_runs_hold_out_the_same_however_they_are_seeded(tmp_path: Path) -> None:
    file, folder = table(tmp_path / "t.csv"), recordings(tmp_path / "many")
    for make in (lambda **k: TableFile(file, **k), lambda **k: SeriesFiles(folder, length=10, **k)):
        first, second, other = make(seed=0), make(seed=1), make(seed=0, split_seed=1)
        assert rows(first.reference) == rows(second.reference)
        assert not rows(first.samples) & rows(second.reference)
        assert rows(first.reference) != rows(other.reference)


def test_rows_that_are_the_same_are_on_one_side() -> None:
    texts = [str(i % 20) for i in range(200)]
    apart = held_out_of(texts, 0.2, 0, "table", "split")
    assert sum(apart) == 40
    sides = {(text, out) for text, out in zip(texts, apart, strict=True)}
    assert len(sides) == 20
    assert held_out_of(["a", "a"], 0.2, 0) == [False, False]  # nothing can be held out


def test_a_new_row_moves_at_most_one_of_the_others() -> None:
    """Control: a permutation of their numbers moves a fifth of them."""
    texts = [str(i) for i in range(100)]
    before, after = held_out_of(texts, 0.2, 0), held_out_of([*texts, "new"], 0.2, 0)
    assert sum(a != b for a, b in zip(before, after, strict=False)) <= 1


@pytest.mark.parametrize("kind", ["table", "series"])
def test_changed_values_are_an_error_on_resume_unless_accepted_and_the_scaling_stays(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = table(tmp_path / "t.csv")

    def make(**settings: Any) -> Any:
        return (
            TableFile(file, **settings)
            if kind == "table"
            else SeriesFiles(file, length=6, stride=6, **settings)
        )

    before = make()
    before.setup()
    state, settled = before.state_dict(), before.settled
    make().check_same(state)
    make().check_same({})  # of a checkpoint without a record
    table(file, 80)
    with pytest.raises(SettingError, match="changed=error: must be accept"):
        make().check_same(state)
    after = make(changed="accept", lowest=settled["lowest"], highest=settled["highest"])
    after.check_same(state)
    assert "other values than the run has seen" in caplog.text
    assert after.settled["highest"] == settled["highest"]
    assert every(after.samples)[..., 0].max() > 1  # larger sizes came, and mean what they meant
    assert make().samples is not None
    fresh = make()
    fresh.setup()
    assert fresh.settled["highest"] != settled["highest"]


def test_kept_scaling_has_a_number_for_each_column(tmp_path: Path) -> None:
    with pytest.raises(
        SettingError, match=r"lowest=\[1.0\]: must be null, or a number for each of 2 columns"
    ):
        TableFile(table(tmp_path / "t.csv"), lowest=[1.0], highest=[2.0, 3.0])
    with pytest.raises(SettingError, match="highest"):
        TableFile(table(tmp_path / "t.csv"), highest=[2.0, 3.0])


def test_metrics_read_windows_that_share_no_step_of_the_held_out_and_of_the_trained_part(
    tmp_path: Path,
) -> None:
    data = SeriesFiles(table(tmp_path / "t.csv", 1000), length=10, columns=["size"], stride=1)
    assert len(data.samples) == 791  # the training takes all windows
    for own, num in ((data, 20), (data.training_data(), 80)):
        steps = data.kind.in_units(every(own.reference)).round().flatten().tolist()  # type: ignore[attr-defined]
        assert len(steps) == len(set(steps)) == num * 10
    overlapping = data.kind.in_units(every(data.samples)).round().flatten().tolist()  # type: ignore[attr-defined]
    assert len(overlapping) > 5 * len(set(overlapping))  # control


def test_too_few_windows_share_steps_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = SeriesFiles(table(tmp_path / "t.csv", 300), length=12)
    assert len(data.reference) >= 10
    assert "too few for 10 others of data.length=12" in caplog.text


def test_recordings_that_are_too_short_are_left_out_before_the_split(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recordings(tmp_path / "many", 4)
    for number in range(30):
        table(tmp_path / "many" / f"short_{number}.csv", 5)
    for split_seed in range(5):
        data = SeriesFiles(tmp_path / "many", length=10, split_seed=split_seed)
        assert (len(data.samples), len(data.reference)) == (9, 3)
    assert "30 of 34 recordings are left out: they have less than data.length=10 rows" in caplog.text


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_an_empty_first_value_is_an_error_and_no_reason_to_drop_the_column(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(tmp_path / "x.csv", "a,b,word\n1,,x\n2,5,y\n3,6,z\n4,7,z\n")
    caplog.set_level(logging.INFO)
    data = TableFile(file)
    assert data.columns == ["a", "b"]
    assert "left out, since most of their values are no numbers: 'word'" in caplog.text
    with pytest.raises(GanworksError, match=r"x.csv, line 2: b is '', not a finite number"):
        data.setup()
    assert TableFile(file, columns=["a"]).columns == ["a"]


def test_lines_are_those_of_the_file_whatever_is_empty_or_quoted(tmp_path: Path) -> None:
    file = write(tmp_path / "x.csv", 'a,b\n\n1,x\n\n\n2,"y\nz"\n?,w\n3,w\n4,w\n')
    with pytest.raises(GanworksError, match=r"x.csv, line 8: a is '\?'"):
        TableFile(file, columns=["a"]).setup()
    with pytest.raises(GanworksError, match=r"y.csv, line 5: 1 values below 2 names"):
        TableFile(write(tmp_path / "y.csv", "a,b\n\n1,2\n\n3\n"))


def test_two_columns_of_one_name_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "x.csv", "a,b,a\n1,2,3\n4,5,6\n7,8,9\n")
    for columns in (None, ["a"]):
        with pytest.raises(GanworksError, match="2 columns are called 'a'"):
            TableFile(file, columns=columns)
    assert TableFile(file, columns=["b"]).columns == ["b"]
    with pytest.raises(SettingError, match="columns=b: must be named once"):
        TableFile(file, columns=["b", "b"])


def test_empty_columns_at_the_end_of_a_spreadsheet_are_left_out(tmp_path: Path) -> None:
    assert TableFile(write(tmp_path / "x.csv", "a,b,,\n1,2,,\n3,4,,\n")).columns == ["a", "b"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_commas_semicolons_and_tabs_separate_values(tmp_path: Path, separator: str) -> None:
    text = "a,b\n1.5,2\n3,4\n".replace(",", separator)
    assert Sheet.read(write(tmp_path / "x.csv", text)).numbers(["a", "b"]).tolist() == [[1.5, 2], [3, 4]]


def test_a_file_without_numbers_is_told_with_its_separators_and_its_head(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"separated by a comma, a semicolon or a tab; its head is 'a\|b'"):
        TableFile(write(tmp_path / "x.csv", "a|b\n1|2\n3|4\n"))
    with pytest.raises(SettingError, match=r"written as 1\.5"):
        TableFile(write(tmp_path / "y.csv", "a;b\n1,5;2,5\n3,5;4,5\n"))


def test_hidden_files_are_no_recordings_and_capitals_are(tmp_path: Path) -> None:
    for name in ("a.csv", "b.CSV", "._a.csv", "c.txt"):
        write(tmp_path / name, "a\n1\n")
    (tmp_path / "folder.csv").mkdir()
    assert [path.name for path in csv_files(tmp_path)] == ["a.csv", "b.CSV"]
