"""Small studies for tests of the search: trials of some hundred digits, spaces written by the test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import yaml

from ganworks.cli.tune import split
from ganworks.run.compose import compose
from ganworks.tuning.check import checked
from ganworks.tuning.settings import Settings, read_settings
from ganworks.tuning.storage import open_storage, open_study

TESTS = Path(__file__).parent
FIXED = ["data=digits", "experiment=null", "trainer=cpu", "model.width=8", "num_images=1280", "metric.num_samples=64",
         "callback.sample_grid.every_images=null", "~callback.report"]  # fmt: skip
SPACE = {"optimizer.generator.lr": {"log": [1e-4, 1e-2]}}


def write_space(folder: Path, **changes: Any) -> Path:
    """Write the space `tune=tiny` and return the folder for ``--config-dir``."""
    content = {"objective": "fd_digits", "num_trials": 4, "fixed": FIXED, "space": SPACE, "pruner": "none",
               "evaluations": 2, "top_k": 1, "num_seeds": 1, "heartbeat_seconds": 1, **changes}  # fmt: skip
    path = folder / "conf" / "tune" / "tiny.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(f"# @package _global_\n# A tiny space.\n{yaml.safe_dump(content, sort_keys=False)}")
    return folder / "conf"


def settings_of(folder: Path, *overrides: str, **changes: Any) -> Settings:
    """Return the checked settings of `tune.py tune=tiny` with studies in ``folder``."""
    conf = folder / "conf" if (folder / "conf").exists() else write_space(folder, **changes)
    arguments = ["--config-dir", str(conf), "tune=tiny", f"paths.runs={folder / 'runs'}", *overrides]
    own, others, flags = split(arguments)
    return checked(read_settings(compose(own, "tune", flags[1:]), others, flags))


def study_of(settings: Settings) -> optuna.Study:
    """Return the study as it is."""
    return open_study(settings, open_storage(settings))


def tune_apart(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the real command in a process of its own."""
    command = [sys.executable, "-m", "ganworks.cli.tune", "--config-dir", str(folder / "conf"), "tune=tiny"]
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(
        [*command, *arguments], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
