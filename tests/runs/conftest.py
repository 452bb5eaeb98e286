"""A folder of runs made up for the tests, in the states that runs end in."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from report_runs import CONFIG, SUMMARY, rows, write_rows


def write_run(path: Path, summary: dict[str, Any] | None = SUMMARY, age: float = 0.0, **config: Any) -> Path:
    """Write a run directory that was last written to ``age`` seconds ago."""
    path.mkdir(parents=True)
    if summary is not None:
        (path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (path / "config.yaml").write_text(yaml.safe_dump({**CONFIG, **config}), encoding="utf-8")
    write_rows(path / "metrics.csv", rows())
    for file in path.iterdir():
        os.utime(file, (time.time() - age,) * 2)
    return path


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of five runs: two of one name, one of a sweep, one that was killed, one that is damaged."""
    folder = tmp_path / "runs"
    good = {**SUMMARY, "best": {"metric": "fd_digits", "value": 0.75, "images_seen": 6_000}}
    write_run(folder / "digits" / "2026-01-01_10-00-00", age=500)
    write_run(folder / "digits" / "2026-01-02_10-00-00", good, age=400, seed=3, data={"batch_size": 128})
    failed = {
        **SUMMARY,
        "status": "failed",
        "error": "[Errno 28] no space left",
        "best": {},
        "images_seen": 640,
    }
    write_run(folder / "faces" / "multirun" / "2026-01-03_10-00-00" / "0", failed, age=300, name="faces")
    killed = {"status": "running", "images_seen": 0, "num_images": 20_000}
    write_run(folder / "killed" / "2026-01-04_10-00-00", killed, age=9_000, name="killed")
    damaged = write_run(folder / "damaged" / "2026-01-05_10-00-00", age=20_000)
    (damaged / "summary.json").write_text("{", encoding="utf-8")
    os.utime(damaged / "summary.json", (time.time() - 20_000,) * 2)
    write_run(folder / "tune" / "study" / "trials" / "0")
    return folder


@pytest.fixture
def command(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Return a function that calls `python -m ganworks.runs` beside the folder and returns what it printed."""
    from ganworks.runs.__main__ import main

    monkeypatch.chdir(runs.parent)

    def call(*arguments: str) -> str:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["runs", *arguments])
        try:
            main()
        except SystemExit:
            return capsys.readouterr().err
        return capsys.readouterr().out

    return call
