"""report.html is there however a run ended, tells of that run, and never fails one."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

import ganworks.report
from ganworks.callback import Report
from running import train, train_apart, train_on

TINY = ("num_images=256", "trainer.log_every_n_steps=1", "callback.checkpoint.every_images=128")


def test_run_ends_with_a_report_of_its_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path / "run", *TINY).status == "finished"
    assert "Finished." in (tmp_path / "run" / "report.html").read_text()
    assert "Read the report:" in capsys.readouterr().out


def test_report_is_written_anew_after_a_resume(tmp_path: Path) -> None:
    train(tmp_path / "run", *TINY, "trainer.max_steps=2")
    first = (tmp_path / "run" / "report.html").read_text()
    assert "Stopped.</b> 128 of 256 images" in first
    train_on(tmp_path / "run", "trainer.max_steps=-1")
    assert "Finished.</b> 256 of 256 images" in (tmp_path / "run" / "report.html").read_text()


def test_diverged_run_has_a_report_that_says_why(tmp_path: Path) -> None:
    rates = ("optimizer.generator.lr=1e30", "optimizer.discriminator.lr=1e30", "task.patience=2")
    assert train(tmp_path / "run", *TINY, "num_images=2560", *rates).status == "diverged"
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Diverged.</b>" in page
    assert "was not finite" in page


def test_interrupted_run_has_a_report(tmp_path: Path) -> None:
    stop = "+callback.signal={_target_: running.SignalAt, images: 128}"
    run = train_apart(tmp_path / "run", *TINY, stop, SIGNAL="SIGTERM")
    assert run.returncode == 143, run.stdout + run.stderr
    assert "Interrupted.</b> 192 of 256 images" in (tmp_path / "run" / "report.html").read_text()


def test_run_without_the_callback_has_no_report(tmp_path: Path) -> None:
    train(tmp_path / "run", *TINY, "callback.report=null")
    assert not (tmp_path / "run" / "report.html").exists()


def test_report_that_fails_is_a_line_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, make_trainer: Callable
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("no space left")

    monkeypatch.setattr(ganworks.report, "write_report", broken)
    report = Report()
    with caplog.at_level(logging.WARNING):
        report.on_train_end(make_trainer(), None)  # type: ignore[arg-type]
    assert "report.html was not written: RuntimeError: no space left" in caplog.text
    assert train(tmp_path / "run", *TINY).status == "finished"
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["status"] == "finished"


def test_other_processes_write_nothing(make_trainer: Callable, tmp_path: Path) -> None:
    trainer = make_trainer()
    trainer.is_global_zero = False
    Report().on_train_end(trainer, None)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
