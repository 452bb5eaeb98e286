"""Processes that meet over loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

TESTS = Path(__file__).parent
TRAIN = [sys.executable, "-m", "ganworks.cli.train"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def found_by_ranks(script: str, folder: Path, num: int = 2) -> dict[str, Any]:
    """Run a script of the tests in ``num`` ranks that meet, and return what the first saved under its argument."""
    out = folder / "found.pt"
    meeting = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": str(num),
        "NODE_RANK": "0",
    }
    command = [sys.executable, str(TESTS / script), str(out)]
    run_apart([command] * num, [{**meeting, "LOCAL_RANK": str(rank)} for rank in range(num)], folder)
    found: dict[str, Any] = torch.load(out, weights_only=True)
    return found


def distance(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> float:
    """Return the largest difference between two states."""
    return max(float((first[name].double() - second[name].double()).abs().max()) for name in first)


def run_apart(
    commands: Sequence[list[str]], environments: Sequence[dict[str, str]], cwd: Path, code: int = 0
) -> list[str]:
    """Run ``commands`` at the same time; return what each printed, once all have ended with ``code``."""
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    processes = [
        subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command, environment in zip(commands, environments, strict=True)
    ]
    try:
        outputs = [process.communicate(timeout=400)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [code] * len(processes), "\n".join(outputs)
    return outputs
