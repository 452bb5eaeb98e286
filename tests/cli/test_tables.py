"""A user's own CSV files: trained on, measured, and samples written in the files' units and with their classes."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

from omegaconf import OmegaConf

from conftest import Result

TINY = ("trainer=cpu", "num_images=320", "model.width=8", "metric.num_samples=20", "callback.sample_grid.num=4",
        "data.batch_size=16", "~callback.report")  # fmt: skip


def table(path: Path) -> Path:
    """Write petals: two kinds, whose lengths do not overlap."""
    rows = [f"{40 + i % 9},{i % 5 / 100},rose" for i in range(60)]
    rows += [f"{140 + i % 9},{i % 7 / 100},tulip" for i in range(30)]
    path.write_text("length,width,kind\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_rows_of_a_table_are_drawn_by_class_and_written_in_its_units(
    ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    file, run = table(tmp_path / "petals.csv"), tmp_path / "run"
    data = ("data=table", f"data.root={file}", "data.label=kind", "model.conditional=true")
    result = ganworks("train", *data, *TINY, f"hydra.run.dir={run}")
    assert result.code == 0, result.err
    summary = json.loads((run / "summary.json").read_text())
    assert summary["metrics"]["sliced_w2"] > 0
    assert 0 < summary["floor"]["sliced_w2"] < 1  # twenty rows of each side
    out = tmp_path / "fake.csv"
    result = ganworks("sample", f"run={run}", "num=6", "label=tulip", f"out={out}")
    assert result.code == 0, result.err
    rows = list(csv.DictReader(out.open()))
    assert [row["class"] for row in rows] == ["tulip"] * 6
    assert set(rows[0]) == {"length", "width", "class"}
    lengths = [float(row["length"]) for row in rows]
    assert min(lengths) > 0  # networks see -1 to 1
    assert max(lengths) > 10
    assert ganworks("sample", f"run={run}", "num=4", f"out={out}").code == 0
    assert {row["class"] for row in csv.DictReader(out.open())} <= {"rose", "tulip"}
    file.unlink()  # the units are kept with the run
    assert ganworks("sample", f"run={run}", "num=4", f"out={out}").code == 0
    assert ganworks("sample", f"run={run}", "num=4", f"out={tmp_path / 'x.png'}").code == 0


def test_a_recording_is_cut_trained_on_and_resumed(ganworks: Callable[..., Result], tmp_path: Path) -> None:
    file, run = tmp_path / "tide.csv", tmp_path / "run"
    rows = [f"{i},{20 + 5 * math.sin(i / 3):.4f}" for i in range(300)]
    file.write_text("hour,height\n" + "\n".join(rows) + "\n", encoding="utf-8")
    data = ("data=series", f"data.root={file}", "data.columns=[height]", "data.length=12")
    short = ("metric.measure.discriminative.num_updates=3", "metric.measure.predictive.num_updates=3")
    result = ganworks("train", *data, *TINY, *short, "trainer.max_steps=10", f"hydra.run.dir={run}")
    assert result.code == 0, result.err
    assert ganworks("train", f"resume={run}", "trainer.max_steps=-1").code == 0
    out = tmp_path / "fake.csv"
    assert ganworks("sample", f"run={run}", "num=5", f"out={out}").code == 0
    heights = [float(row["height"]) for row in csv.DictReader(out.open())]
    assert len(heights) == 5 * 12
    assert 14.9 < min(heights) <= max(heights) < 25.1


def test_a_run_keeps_its_scaling_and_does_not_resume_on_other_values(
    ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    file, run = table(tmp_path / "petals.csv"), tmp_path / "run"
    data = ("data=table", f"data.root={file}", "data.columns=[length,width]", "metric=none")
    result = ganworks("train", *data, *(text for text in TINY if not text.startswith("metric")),
                      "trainer.max_steps=5", f"hydra.run.dir={run}")  # fmt: skip
    assert result.code == 0, result.err
    kept = OmegaConf.load(run / "config.yaml").data
    assert (list(kept.lowest), list(kept.highest)) == ([40, 0], [148, 0.06])
    with file.open("a") as opened:
        opened.write("400,0.5,tulip\n")
    result = ganworks("train", f"resume={run}", "trainer.max_steps=-1")
    assert result.code == 1
    assert "data.changed=error: must be accept" in result.err
    assert ganworks("train", f"resume={run}", "trainer.max_steps=-1", "data.changed=accept").code == 0
    assert list(OmegaConf.load(run / "config.yaml").data.highest) == [148, 0.06]


def test_files_that_cannot_be_are_errors_in_a_line(ganworks: Callable[..., Result], tmp_path: Path) -> None:
    table(tmp_path / "petals.csv")
    for arguments, message in (
        (("data=table",), "data.root=null: must be given"),
        (("data=table", f"data.root={tmp_path / 'petal.csv'}"), "petals.csv"),
        (("data=table", f"data.root={tmp_path / 'petals.csv'}", "data.label=kid"), "Did you mean 'kind'"),
        (
            ("data=series", f"data.root={tmp_path / 'petals.csv'}", "data.length=80"),
            "data.length=80: must be",
        ),
        (
            ("data=series", f"data.root={tmp_path / 'petals.csv'}", "data.columns=[kind]"),
            "not a finite number",
        ),
    ):
        result = ganworks("train", *arguments, *TINY)
        assert result.code == 1
        assert message in result.err
        assert "Traceback" not in result.err


def test_images_are_not_written_as_csv(
    ganworks: Callable[..., Result], trained_run: Path, tmp_path: Path
) -> None:
    result = ganworks("sample", f"run={trained_run}", "num=4", f"out={tmp_path / 'x.csv'}")
    assert result.code == 1
    assert "for images" in result.err
