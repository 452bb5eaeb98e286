"""metrics.csv: one row a logging point, whatever happens in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganworks.logger import CSVLogger, read_metrics


def log(path: Path, *points: tuple[int, dict[str, float]]) -> None:
    logger = CSVLogger(str(path))
    for step, metrics in points:
        logger.log_metrics(metrics, step=step)


def test_row_is_on_the_disk_when_it_is_logged(tmp_path: Path) -> None:
    logger = CSVLogger(str(tmp_path / "metrics.csv"))
    logger.log_metrics({"a": 1.5}, step=64)
    assert (tmp_path / "metrics.csv").read_text().split() == ["images_seen,a", "64,1.5"]
    logger.log_metrics({"a": 2.5}, step=128)
    assert (tmp_path / "metrics.csv").read_text().split() == ["images_seen,a", "64,1.5", "128,2.5"]


def test_what_is_logged_at_one_position_shares_a_row(tmp_path: Path) -> None:
    log(tmp_path / "m.csv", (64, {"a": 1}), (64, {"b": 2}), (128, {"a": 3}), (128, {"b": 4, "a": 5}))
    assert read_metrics(tmp_path / "m.csv") == [
        {"images_seen": 64, "a": 1, "b": 2},
        {"images_seen": 128, "a": 5, "b": 4},
    ]


def test_new_columns_leave_earlier_rows_as_they_were(tmp_path: Path) -> None:
    log(tmp_path / "m.csv", (1, {"a": 1}), (2, {"b": 2}), (3, {"a": 3}), (4, {"c": 4}))
    text = (tmp_path / "m.csv").read_text().split()
    assert text == ["images_seen,a,b,c", "1,1.0,,", "2,,2.0,", "3,3.0,,", "4,,,4"]
    assert not (tmp_path / "m.tmp").exists()


def test_values_come_back_to_the_bit_and_nan_stays_nan(tmp_path: Path) -> None:
    log(tmp_path / "m.csv", (1, {"a": 0.1 + 0.2}), (2, {"a": float("nan")}), (3, {"a": float("-inf")}))
    values = [row["a"] for row in read_metrics(tmp_path / "m.csv")]
    assert values[0] == 0.1 + 0.2
    assert values[1] != values[1]
    assert values[2] == float("-inf")


def test_resumed_run_drops_the_rows_that_it_writes_again(tmp_path: Path) -> None:
    log(tmp_path / "m.csv", (64, {"a": 1}), (128, {"a": 2}), (192, {"a": 3}), (256, {"a": 4}))
    log(tmp_path / "m.csv", (128, {"a": 20}), (192, {"a": 30}))
    assert [(row["images_seen"], row["a"]) for row in read_metrics(tmp_path / "m.csv")] == [
        (64, 1),
        (128, 20),
        (192, 30),
    ]
    log(tmp_path / "m.csv", (256, {"a": 40}))  # control: nothing to drop
    assert [row["images_seen"] for row in read_metrics(tmp_path / "m.csv")] == [64, 128, 192, 256]


def test_run_resumed_with_another_metric_keeps_its_columns(tmp_path: Path) -> None:
    log(tmp_path / "m.csv", (64, {"a": 1}))
    log(tmp_path / "m.csv", (128, {"b": 2}), (192, {"a": 3, "b": 3}))
    assert (tmp_path / "m.csv").read_text().split() == ["images_seen,a,b", "64,1.0,", "128,,2", "192,3,3"]


def test_row_that_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    log(path, (64, {"a": 1.25, "b": 2}), (128, {"a": 3.5, "b": 4}), (192, {"a": 5.75, "b": 6}))
    whole = path.read_bytes()
    last = whole.rstrip().rfind(b"\n") + 1
    for length in range(last, len(whole) - 3):
        path.write_bytes(whole[:length])
        assert [row["images_seen"] for row in read_metrics(path)][:2] == [64, 128]
        log(path, (192, {"a": 7, "b": 8}))
        assert read_metrics(path)[2:] == [{"images_seen": 192, "a": 7, "b": 8}], whole[last:length]


def test_file_that_is_missing_or_empty_has_no_rows(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "none.csv") == []
    (tmp_path / "empty.csv").touch()
    assert read_metrics(tmp_path / "empty.csv") == []
    log(tmp_path / "empty.csv", (64, {"a": 1}))
    assert read_metrics(tmp_path / "empty.csv") == [{"images_seen": 64, "a": 1}]


DAMAGE = {
    "a surplus cell": ("128,2.0,3.0,4.0", "128,2.0,3.0,4.0,9"),
    "a word for a number": ("128,2.0,3.0,4.0", "128,2.0,three,4.0"),
    "a missing cell": ("128,2.0,3.0,4.0", "128,2.0"),
    "no position": ("128,2.0,3.0,4.0", ",2.0,3.0,4.0"),
    "a position that is none": ("128,2.0,3.0,4.0", "1e2x,2.0,3.0,4.0"),
    "zeros": ("128,2.0,3.0,4.0", "\0" * 15),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_row_is_left_out_with_a_warning_and_kept_elsewhere(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "m.csv"
    log(path, *((64 * n, {"a": float(n), "b": n + 1.0, "c": n + 2.0}) for n in (1, 2, 3)))
    before = path.read_text().replace(*DAMAGE[damage])
    path.write_text(before)
    assert [row["images_seen"] for row in read_metrics(path)] == [64, 192]
    assert "damaged in line 3" in caplog.text
    log(path, (256, {"a": 4, "d": 5}))
    assert [row["images_seen"] for row in read_metrics(path)] == [64, 192, 256]
    assert path.with_suffix(".damaged.csv").read_text() == before


@pytest.mark.parametrize("content", [b"", bytes(300_000), b"\xff" * 100, b"a,b\n1,2\n"])
def test_file_that_is_no_table_has_no_rows_and_is_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    assert read_metrics(path) == []
    log(path, (64, {"a": 1}))
    assert read_metrics(path) == [{"images_seen": 64, "a": 1}]
    kept = path.with_suffix(".damaged.csv")
    assert kept.read_bytes() == content if content else not kept.exists()


def test_rows_past_the_checkpoint_are_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    log(path, *((64 * n, {"a": float(n)}) for n in (1, 2, 3, 4)))
    CSVLogger(str(path)).rewind(128)
    assert [row["images_seen"] for row in read_metrics(path)] == [64, 128]
    before = path.read_bytes()
    CSVLogger(str(path)).rewind(128)
    assert path.read_bytes() == before
