"""Processes that torchrun, SLURM or submitit starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganworks.strategy import slurm
from pairs import TESTS, TRAIN, free_port, run_apart
from running import QUICK, checkpoint, differences

RUN = ["experiment=null", *QUICK, "loss=wgan_gp", "num_images=2560", "trainer.log_every_n_steps=2"]


def only_run(folder: Path) -> Path:
    (run_dir,) = (folder / "runs").glob("*/*")
    return run_dir


@pytest.fixture(scope="module")
def two_nodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of two "nodes" of one process each, two calls of torchrun that meet over loopback."""
    folder = tmp_path_factory.mktemp("torchrun")
    meeting = ["--nnodes=2", "--nproc_per_node=1", "--master_addr=127.0.0.1", f"--master_port={free_port()}"]
    run = [*RUN, "trainer.num_nodes=2"]
    commands = [
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            *meeting,
            f"--node_rank={node}",
            "-m",
            TRAIN[-1],
            *run,
        ]
        for node in range(2)
    ]
    run_apart(commands, [{}, {}], folder)
    return only_run(folder)


def test_torchrun_on_two_nodes_trains_one_run(two_nodes: Path) -> None:
    summary = json.loads((two_nodes / "summary.json").read_text())
    assert (summary["status"], summary["num_devices"], summary["images_seen"]) == ("finished", 2, 2560)
    assert [path.name for path in two_nodes.parents[2].iterdir()] == ["runs"]  # nothing lies around


def job(tmp_path: Path, **environment: str) -> list[dict[str, str]]:
    """What SLURM tells the two tasks of a job; `scontrol` writes down what it is asked for."""
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir(exist_ok=True)
    scontrol.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    scontrol.chmod(0o755)
    told = {
        "SLURM_JOB_ID": "4711", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_NNODES": "1", "SLURM_NODEID": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()),
        "PATH": os.pathsep.join([str(scontrol.parent), os.environ["PATH"]]), **environment,
    }  # fmt: skip
    return [{**told, "SLURM_PROCID": str(task), "SLURM_LOCALID": str(task)} for task in range(2)]


def test_a_slurm_job_that_is_preempted_saves_requeues_and_goes_on_to_the_bit(
    two_nodes: Path, tmp_path: Path
) -> None:
    command = [*TRAIN, *RUN, "trainer.devices=2", "+callback.kill={_target_: running.SignalAt, images: 1000}"]
    run_apart([command] * 2, job(tmp_path, SIGNAL="SIGUSR1"), tmp_path, code=128 + signal.SIGUSR1)
    assert (tmp_path / "asked").read_text() == "requeue 4711\n"
    run_dir = only_run(tmp_path)
    assert json.loads((run_dir / "summary.json").read_text())["status"] == "interrupted"
    assert 1000 <= checkpoint(run_dir)["time"]["images_seen"] < 2560

    run_apart([command] * 2, job(tmp_path, SLURM_RESTART_COUNT="1"), tmp_path)  # what the queue starts again
    assert only_run(tmp_path) == run_dir
    summary = json.loads((run_dir / "summary.json").read_text())
    assert (summary["status"], summary["num_devices"], summary["images_seen"]) == ("finished", 2, 2560)
    whole, resumed = checkpoint(two_nodes), checkpoint(run_dir)
    for key in ("state_dict", "optimizer_states", "time"):
        assert differences(whole[key], resumed[key]) == []


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a run that the SLURM job 4711 has begun and left a checkpoint in."""
    for name, value in job(tmp_path, SLURM_RESTART_COUNT="1")[0].items():
        monkeypatch.setenv(name, value)
    run_dir = tmp_path / "runs" / "digits" / "1"
    (run_dir / "checkpoints").mkdir(parents=True)
    (run_dir / "checkpoints" / "last.ckpt").touch()
    slurm.mark(run_dir)
    return run_dir


def test_a_requeued_job_finds_its_own_run_and_no_other(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert slurm.earlier_run(begun.parent / "2", begun.parent) == begun
    assert slurm.earlier_run(begun, Path("nowhere")) == begun  # a directory that the command names itself
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "4711")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    assert slurm.earlier_run(begun.parent / "2", begun.parent) is None  # another task of an array
    monkeypatch.delenv("SLURM_ARRAY_JOB_ID")
    (begun / "checkpoints" / "last.ckpt").unlink()
    assert slurm.earlier_run(begun.parent / "2", begun.parent) is None  # nothing to go on from


def test_a_job_in_its_first_life_begins_a_run(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_RESTART_COUNT", "0")
    assert slurm.earlier_run(begun.parent / "2", begun.parent) is None
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    monkeypatch.setenv("SLURM_JOB_NAME", "interactive")
    assert slurm.job_id() is None


def test_settings_that_do_not_fit_the_job_are_named(
    begun: Path, ganworks: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = ganworks("train", "trainer=cpu", "trainer.devices=3", "dry_run=true")
    assert wrong.code == 1
    assert wrong.err.startswith(
        "error: trainer.devices=3 trainer.num_nodes=1: must be 2, with trainer.num_nodes=1"
    )
    assert "SLURM has started 2" in wrong.err
    monkeypatch.delenv("SLURM_NTASKS")
    torchrun = {
        "TORCHELASTIC_RUN_ID": "x",
        "RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "4",
        "LOCAL_WORLD_SIZE": "2",
    }
    for name, value in torchrun.items():
        monkeypatch.setenv(name, value)
    wrong = ganworks("train", "trainer=cpu", "dry_run=true")
    assert "must be 2, with trainer.num_nodes=2: torchrun has started 4" in wrong.err


def test_a_rank_left_in_the_environment_is_ignored_with_a_warning_and_the_run_trains(
    ganworks: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "RANK": "1",
        "WORLD_SIZE": "2",
        "SLURM_NTASKS": "8",
        "SLURM_JOB_NAME": "bash",
    }.items():
        monkeypatch.setenv(name, value)
    result = ganworks("train", "experiment=null", *QUICK, "num_images=64", "name=alone")
    assert result.code == 0, result.err
    assert "RANK=1 WORLD_SIZE=2 SLURM_NTASKS=8 in the environment: ignored" in result.err
    (run_dir,) = Path("runs/alone").iterdir()
    assert json.loads((run_dir / "summary.json").read_text())["status"] == "finished"


def test_a_torchrun_that_is_gone_is_named_instead_of_waited_for(
    ganworks: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    torchrun = {
        "TORCHELASTIC_RUN_ID": "x",
        "RANK": "1",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
    }
    for name, value in {**torchrun, "MASTER_PORT": "1", "TORCHELASTIC_USE_AGENT_STORE": "True"}.items():
        monkeypatch.setenv(name, value)
    result = ganworks("train", "trainer=cpu")
    assert result.code == 1
    assert "RANK=1 in the environment are of a torchrun that does not answer at 127.0.0.1:1" in result.err
    assert not Path("runs").exists()


def test_submitit_runs_the_jobs_of_a_sweep(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)}
    sweep = [*TRAIN, "-m", *RUN, "seed=0,1"]
    local = ["hydra/launcher=submitit_local", "hydra.sweep.dir=sweep", "hydra.launcher.timeout_min=10"]
    run = subprocess.run(
        [*sweep, *local], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=400
    )
    assert run.returncode == 0, run.stdout + run.stderr
    for seed in range(2):
        summary = json.loads((tmp_path / "sweep" / str(seed) / "summary.json").read_text())
        assert (summary["status"], summary["seed"]) == ("finished", seed)


def test_submitits_launcher_for_slurm_composes(ganworks: Callable) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    result = ganworks(
        "train", "seed=0", "hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu", "--cfg", "hydra"
    )
    assert result.code == 0, result.err
    assert "SlurmLauncher" in result.out
    assert "partition: gpu" in result.out
