"""Two processes against one on the concatenated batch, in float64 with plain gradient descent."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from games import DISTRIBUTED, fit, make_task
from ganworks.strategy import AdversarialDDPStrategy
from running import checkpoint, differences, train, train_apart

TESTS = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Train every case on two ranks that meet over loopback, and return what rank 0 saved."""
    out = tmp_path_factory.mktemp("ranks") / "found.pt"
    environment = {
        **os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2",
        "NODE_RANK": "0", "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    command = [sys.executable, str(TESTS / "one_rank.py"), str(out)]
    ranks = [
        subprocess.Popen(
            command,
            env={**environment, "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for rank in range(2)
    ]
    outputs = [rank.communicate(timeout=300)[0].decode() for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], "\n".join(outputs)
    return torch.load(out, weights_only=True)


def distance(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    return max(float((first[name] - second[name]).abs().max()) for name in first)


@pytest.mark.parametrize("case", DISTRIBUTED)
def test_two_ranks_equal_one_process_on_the_concatenated_batch(case: str, two_ranks: dict[str, Any]) -> None:
    start = make_task(**DISTRIBUTED[case]()).state_dict()
    task = fit(make_task(**DISTRIBUTED[case]()))
    found = two_ranks[case]
    assert distance(found["state"], task.state_dict()) < 1e-12
    assert distance(found["state"], start) > 1e-6
    # All-reduced: the discriminator in every step, the generator in its turns, and nothing else.
    size = {role: sum(p.numel() for p in getattr(task, role).parameters()) for role in task.roles}
    turns = found["steps"] // task.n_critic
    assert found["elements"] == found["steps"] * size["discriminator"] + turns * size["generator"]


@pytest.mark.parametrize("fault", ["dropped rank", "wrong scale"])
def test_a_fault_in_the_reduction_is_noticed(fault: str, two_ranks: dict[str, Any]) -> None:
    task = fit(make_task(**DISTRIBUTED["bce"]()))
    assert distance(two_ranks[fault]["state"], task.state_dict()) > 1e-6


def test_a_run_on_two_devices_takes_the_strategy_by_itself_and_only_rank_0_writes(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    overrides = [
        "trainer.devices=2",
        "num_images=1280",
        "loss=bce",
        "metric=digits",
        "metric.num_samples=101",
    ]
    run = train_apart(run_dir, *overrides)
    assert run.returncode == 0, run.stdout + run.stderr
    summary = json.loads((run_dir / "summary.json").read_text())
    assert (summary["status"], summary["num_devices"], summary["images_seen"]) == ("finished", 2, 1280)
    assert run.stdout.count("finished") == 1
    assert len((run_dir / "metrics.csv").read_text().splitlines()) >= 2


def test_two_ranks_resume_to_the_bit(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    overrides = ["trainer.devices=2", "num_images=2560", "loss=wgan_gp"]
    assert train_apart(whole, *overrides).returncode == 0
    kill = "+callback.kill={_target_: running.SignalAt, images: 1500}"
    killed = train_apart(parts, *overrides, "callback.checkpoint.every_images=500", kill, SIGNAL="SIGKILL")
    assert killed.returncode == -9
    resumed = subprocess.run(
        [sys.executable, "-m", "ganworks.cli.train", f"resume={parts}"], capture_output=True, text=True, timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)},
    )  # fmt: skip
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    one, other = checkpoint(whole), checkpoint(parts)
    for key in ("state_dict", "optimizer_states", "time"):
        assert differences(one[key], other[key]) == []


def test_one_device_keeps_lightnings_strategy(tmp_path: Path) -> None:
    from ganworks.cli.build import strategy_of
    from running import compose

    assert strategy_of(compose("trainer=cpu")) == {}
    assert isinstance(
        strategy_of(compose("trainer=cpu", "trainer.devices=2"))["strategy"], AdversarialDDPStrategy
    )
    assert train(tmp_path / "run", "num_images=128").status == "finished"
