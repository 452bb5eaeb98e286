"""benchmarks/lab in small: a table of runs is trained once, read from what the runs wrote, and says what is missing."""

import argparse
import sys
from pathlib import Path
from typing import Any

import pytest

from ganworks.errors import GanworksError, SettingError

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from lab import Bench, Column, Published, Row, main
from lab.command import command_line, parser, run
from lab.page import write_page
from lab.table import cells, floor_cells, mean_and_deviation, step_cost, table, values_of
from lab.train import Job, jobs_of, next_of, train_all
from rich.console import Console

SMALL = ("data=ring", "num_images=128", "model.width=8", "metric.num_samples=100", "metric.floor=false")
MODES = Column("modes", "modes", 1, "max")
QUALITY = Column("high_quality", "high quality, %", 1, "max", percent=True)
KL = Column("reverse_kl", "reverse KL", 3)


def bench(*rows: Row, **more: Any) -> Bench:
    return Bench("small", "A table", "128 images.", rows, (MODES, QUALITY, KL), base=SMALL, **more)


def summary(modes: float, status: str = "finished", speed: float = 100.0, **more: Any) -> dict[str, Any]:
    figures = {"modes": modes, "high_quality": 0.5, "reverse_kl": 0.0004}
    return {"status": status, "metrics": figures, "images_per_second": speed, **more}


def test_a_cell_is_mean_and_deviation_over_the_seeds_in_the_units_of_the_table() -> None:
    runs = [summary(6), summary(8)]
    assert mean_and_deviation(values_of(runs, MODES), MODES) == "7.0 ± 1.4"
    assert mean_and_deviation(values_of(runs[:1], QUALITY), QUALITY) == "50.0"
    assert mean_and_deviation(values_of(runs[:1], KL), KL) == "0.0004"  # not 0.000
    assert mean_and_deviation([], KL) == "–"


def test_runs_that_diverged_are_counted_and_left_out_of_the_mean() -> None:
    runs = {"gan": [summary(6), summary(1, status="diverged"), summary(8, status="stopped")]}
    assert cells(Row("gan"), (MODES,), runs, has_cost=False) == [
        "gan",
        "7.0 ± 1.4",
        "1, 1 diverged, 1 stopped",
    ]


def test_time_of_a_step_is_the_median_of_ratios_under_the_same_seed() -> None:
    plain = [summary(1, speed=100), summary(1, speed=50), summary(1, speed=10)]
    twice = [summary(1, speed=50), summary(1, speed=25), summary(1, speed=10)]
    assert step_cost(twice, plain) == "2.00"
    cpu = [summary(1, speed=1, cpu_seconds_per_image=0.3)]
    assert step_cost(cpu, [summary(1, speed=1, cpu_seconds_per_image=0.1)]) == "3.00"  # before the clock


def test_floor_is_that_of_real_samples() -> None:
    runs = {"gan": [summary(1, floor={"modes": 8, "reverse_kl": 0.002})]}
    assert floor_cells((MODES, KL), runs, 4) == ["real samples", "8.0", "0.002", ""]


def test_published_rows_stand_above_those_of_their_group() -> None:
    paper = Published("PacGAN2", {"modes": 7.9, "high_quality": 0.956}, "Lin 2018", group="packed")
    rows = (Row("gan"), Row("packed by two", group="packed"))
    text = table(bench(*rows, published=(paper,)), rows, {"gan": [summary(1)], "packed by two": [summary(8)]})
    assert text.index("**packed**") < text.index("| *PacGAN2* | 7.9 | 95.6 |  | Lin 2018 |")
    assert text.index("*PacGAN2*") < text.index("| packed by two |")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((Row("a b"), Row("a, b")), "a_b"),
        ((Row("gan", compare="none"),), "gan.compare=none"),
    ],
)
def test_rows_that_cannot_be_told_apart_or_compared_are_refused(rows: tuple[Row, ...], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        bench(*rows)


def test_a_setting_that_is_not_there_ends_the_command_before_any_run(tmp_path: Path) -> None:
    rows = (Row("gan"), Row("wrong", ("model.widht=3",)))
    with pytest.raises(GanworksError, match=r"model\.widht"):
        jobs_of(bench(*rows), rows, [0], tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(SettingError, match="rows=gam"):
        bench(*rows).chosen(["gam"])


def test_share_shortens_the_runs_and_keeps_them_apart(tmp_path: Path) -> None:
    rows = (Row("gan"),)
    (job,) = jobs_of(bench(*rows), rows, [3], tmp_path, share=0.5)
    assert job.overrides[-2:] == ["seed=3", "num_images=64"]
    assert job.run_dir == tmp_path / "small" / "share_0.5" / "gan" / "seed_3"


def test_the_command_of_a_page_names_no_folder_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/home/me/benchmarks/mixtures.py"])
    argv = ["--rows", "bce, R1", "--runs", "/data/runs", "--out=/data/x", "--seeds", "3"]
    assert command_line(argv) == "python benchmarks/mixtures.py --rows 'bce, R1' --seeds 3"


def test_runs_are_trained_once_and_their_page_holds_them_without_paths(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (Row("gan"), Row("refused", ("data.batch_size=0",)))
    small, console = bench(*rows), Console(quiet=True)
    jobs = jobs_of(small, rows, [0], tmp_path / "runs")
    with capsys.disabled():  # the log of a run is what its process prints
        train_all(jobs, workers=2, console=console)
    first = jobs[0].summary()
    assert first["status"] == "finished"
    assert first["images_seen"] == 128
    assert jobs[1].summary()["status"] == "failed"
    train_all(jobs[:1], workers=1, console=console)
    assert jobs[0].summary() == first
    changed = Job(jobs[0].row, 0, [*jobs[0].overrides, "loss=hinge"], jobs[0].run_dir)
    assert changed.summary() == {"status": "missing"}  # of other settings, not of these
    text = write_page(small, rows, jobs, tmp_path / "page", "python x", share=1).read_text()
    assert "| refused | – | – | – | 1 failed |" in text
    assert "data.batch_size=0: must be an integer from 1 up" in text
    assert str(tmp_path) not in text
    assert "<svg" in (tmp_path / "page" / "small.svg").read_text()


def test_page_of_missing_runs_says_so(tmp_path: Path) -> None:
    small = bench(Row("gan"))
    options = ["--page", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path), "--seeds", "1"]
    chosen: argparse.Namespace = parser("", [small]).parse_args(options)
    text = Path(run(small, chosen, "python x", Console(quiet=True))).read_text()
    assert "Some runs are missing" in text
    assert "1 missing" in text


def test_a_row_that_reads_another_begins_when_that_has_ended(tmp_path: Path) -> None:
    rows = Row("student", after="teacher"), Row("teacher")
    waiting = [Job(row, seed, [], tmp_path / row.name) for seed in (0, 1) for row in rows]
    first = next_of(waiting, [])
    assert first == waiting[1]
    others = [job for job in waiting if job is not first]
    assert next_of(others, [first]) == waiting[3]  # that of the other seed
    assert next_of(others, []) == waiting[0]
    with pytest.raises(SettingError, match=r"student\.after=master"):
        bench(Row("student", after="master"))


def test_the_list_of_rows_has_their_brackets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    main("", [bench(Row("both", ("regularizer=[r1,lecam]",)))], ["--list"])
    assert "regularizer=[r1,lecam]" in capsys.readouterr().out
