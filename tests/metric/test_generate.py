"""From a generator to figures: on several devices, with a cache, over seeds."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ganworks.metric.shares import share
from measuring import NUM, evaluate
from rounding import close_figures

TESTS = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_two_devices_have_the_figures_of_one_for_a_number_that_does_not_divide(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    environment = {
        **os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    command = [sys.executable, str(TESTS / "measuring.py"), str(out)]
    ranks = [
        subprocess.Popen(command, env={**environment, "RANK": str(rank)}, stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    errors = [rank.communicate(timeout=300)[1].decode() for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], "\n".join(errors)
    found, alone = json.loads(out.read_text()), evaluate()
    assert found["values"] == close_figures(alone.values, alone.contract["num_real"], NUM)
    assert found["contract"] == json.loads(json.dumps(alone.contract))
    half = evaluate(num=NUM // 2)  # control: what the first rank has by itself
    assert abs(half.values["fd_digits"] / alone.values["fd_digits"] - 1) > 1e-3


def test_shares_of_all_ranks_are_the_whole_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    for num, world_size in ((101, 2), (7, 3), (1, 4)):
        monkeypatch.setattr("torch.distributed.get_world_size", lambda size=world_size: size)
        rows: list[int] = []
        for rank in range(world_size):
            monkeypatch.setattr("torch.distributed.get_rank", lambda rank=rank: rank)
            rows += share(num)
        assert rows == list(range(num))
