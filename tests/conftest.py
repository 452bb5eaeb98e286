"""The commands as a user gives them, and one small trained run that many tests look at."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hydra.core.hydra_config import HydraConfig

TINY = ("model.width=8", "trainer=cpu", "metric.num_samples=64", "callback.sample_grid.num=20")


@dataclass
class Result:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


def call(command: str, *arguments: str) -> int:
    """Run `ganworks-<command>` with ``arguments`` in this process; return its exit code."""
    main = importlib.import_module(f"ganworks.cli.{command}").main
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{command}.py", *arguments])
        patch.setenv("HYDRA_FULL_ERROR", "1")  # set by train.py for good; here it goes with the patch
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
        finally:
            HydraConfig.instance().cfg = None
    return 0


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """One thread here and in the processes that tests start: on more of them, sums end in other last digits."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="session", autouse=True)
def _outside_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Caches go to a folder of the tests; nobody's W&B account is touched; classes of the tests are trusted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANWORKS_LOCAL", "")  # what this machine sets otherwise is none of their business
        patch.setenv("GANWORKS_TRUST", "running,probes,test_phase_task")
        patch.setenv("GANWORKS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("NETRC", str(tmp_path_factory.mktemp("home") / "netrc"))
        for name in ("WANDB_API_KEY", "WANDB_MODE", "GANWORKS_TRACEBACK"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture
def ganworks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    """Return a function that runs a command in an empty folder: ``ganworks("train", "loss=hinge")``."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(command: str, *arguments: str) -> Result:
        capsys.readouterr()
        code = call(command, *arguments)
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished conditional run on the digits; not to be changed."""
    run_dir = tmp_path_factory.mktemp("trained") / "run"
    code = call(
        "train",
        *("data=digits", "loss=hinge", "model.conditional=true", "num_images=640", *TINY),
        *("metric.every_images=256", "trainer.log_every_n_steps=4", f"hydra.run.dir={run_dir}"),
    )
    assert code == 0
    return run_dir


@pytest.fixture
def copied_run(trained_run: Path, tmp_path: Path) -> Path:
    """A copy of the run in another place, to be changed at will."""
    return Path(shutil.copytree(trained_run, tmp_path / "a copy"))
