"""Offline W&B runs, read back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Records = list[dict]


@pytest.fixture
def records() -> Callable[[Path], list[Records]]:
    """Return a function that reads every offline run below a run directory, in the order of time."""
    command = [str(Path(sys.executable).parent / "wandb"), "leet", "inspect", "--json"]

    def read(run_dir: Path) -> list[Records]:
        files = sorted(run_dir.glob("wandb/offline-run-*/*.wandb"), key=lambda path: path.stat().st_mtime)
        texts = [
            subprocess.run([*command, str(path)], capture_output=True, text=True, check=True)
            for path in files
        ]
        return [[json.loads(line) for line in text.stdout.splitlines()] for text in texts]

    return read


@pytest.fixture
def summary_of() -> Callable[[Path], dict]:
    """Return a function that reads the summary of the one offline run below a run directory."""
    command = [str(Path(sys.executable).parent / "wandb"), "leet", "inspect", "--json", "--summary"]

    def read(run_dir: Path) -> dict:
        (path,) = run_dir.glob("wandb/offline-run-*/*.wandb")
        found = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True)
        return json.loads(found.stdout)["summary"]

    return read
