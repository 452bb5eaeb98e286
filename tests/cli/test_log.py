"""Log records reach the terminal and train.log, those from before the file as well."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from ganworks.run.log import log_to_file, log_to_terminal

log = logging.getLogger("ganworks.tests")


@pytest.fixture(autouse=True)
def _handlers_come_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_file_gets_what_was_said_before_it_was_opened_and_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to_terminal()
    log.warning("3 of 40 images cannot be read")
    log_to_file(tmp_path / "train.log")
    log.info("12 images")
    lines = (tmp_path / "train.log").read_text().splitlines()
    assert [line.split(": ", 1)[1] for line in lines] == ["3 of 40 images cannot be read", "12 images"]
    assert "WARNING ganworks.tests" in lines[0]
    assert [line.split(" ", 1)[1] for line in capsys.readouterr().out.splitlines()] == [
        "3 of 40 images cannot be read",
        "12 images",
    ]


def test_next_run_of_a_process_writes_into_its_own_file_alone(tmp_path: Path) -> None:
    for name in ("one", "two"):
        log_to_terminal()
        log_to_file(tmp_path / name)
        log.info("this is %s", name)
    assert "this is one" in (tmp_path / "one").read_text()
    assert "two" not in (tmp_path / "one").read_text()
    assert "one" not in (tmp_path / "two").read_text()


def test_terminal_is_what_stdout_is_at_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    log_to_terminal()
    later = io.StringIO()
    monkeypatch.setattr(sys, "stdout", later)  # as a bar does while it is drawn
    log.info("above the bar")
    assert "above the bar" in later.getvalue()


def test_other_ranks_say_only_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to_terminal()
    log.info("said by the first")
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    log_to_terminal()
    log.info("said again")
    log.warning("wrong here")
    out = capsys.readouterr().out
    assert "said by the first" in out
    assert "wrong here" in out
    assert "said again" not in out
