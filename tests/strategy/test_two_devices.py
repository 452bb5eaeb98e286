"""The command on two devices: `trainer.devices=2` starts a second process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from games import make_task
from ganworks.errors import SettingError
from ganworks.run.build import strategy_of
from ganworks.strategy import AdversarialDDPStrategy
from ganworks.strategy.reducer import make_buckets
from pairs import TESTS, TRAIN
from running import QUICK, checkpoint, compose, differences, train_apart, train_on

# 1,797 digits are an odd number of samples; 3 global batches of 512 are an epoch, and 261 samples are left over.
RUN = ["trainer.devices=2", "loss=wgan_gp", "data.batch_size=256", "num_images=5120", "trainer.log_every_n_steps=2",
       "callback.checkpoint.every_images=1024"]  # fmt: skip


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A sweep over both modes, measured on an odd number of samples: its folder and what it printed."""
    folder = tmp_path_factory.mktemp("sweep")
    arguments = ["-m", f"hydra.sweep.dir={folder}", "experiment=null", *QUICK, *RUN, "metric=digits"]
    arguments += ["metric.num_samples=101", "trainer.strategy=auto,adversarial_ddp_backward"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)}
    run = subprocess.run([*TRAIN, *arguments], env=environment, capture_output=True, text=True, timeout=400)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder, run.stdout


@pytest.mark.parametrize("job", ["0", "1"])
def test_a_run_on_two_devices_ends_and_only_rank_0_writes(job: str, sweep: tuple[Path, str]) -> None:
    folder, printed = sweep
    summary = json.loads((folder / job / "summary.json").read_text())
    assert (summary["status"], summary["num_devices"], summary["images_seen"]) == ("finished", 2, 5120)
    jobs = printed.partition("the sweep")[0]
    assert jobs.count("finished") == 2  # once a job
    rows = (folder / job / "metrics.csv").read_text().splitlines()
    positions = [int(row.split(",")[0]) for row in rows[1:]]
    assert positions == sorted(set(positions))
    assert summary["metrics"]["fd_digits"] > 0


def test_both_modes_lead_to_the_same_weights_to_the_bit(sweep: tuple[Path, str]) -> None:
    first, second = (checkpoint(sweep[0] / job) for job in "01")
    assert differences(first["state_dict"], second["state_dict"]) == []
    assert differences(first["optimizer_states"], second["optimizer_states"]) == []


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on two devices whose first rank was killed in the middle."""
    run_dir = tmp_path_factory.mktemp("killed") / "run"
    kill = "+callback.kill={_target_: running.SignalAt, images: 2560}"
    run = train_apart(run_dir, *RUN, kill, SIGNAL="SIGKILL")
    assert run.returncode == -signal.SIGKILL
    assert "Traceback" not in run.stderr  # the other rank has nothing to say of its own
    assert checkpoint(run_dir)["time"]["images_seen"] < 5120
    return run_dir


def test_a_run_that_was_killed_resumes_on_one_device_and_says_what_changes(
    killed: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", killed, copy], check=True)
    assert train_on(copy, "trainer.devices=1").status == "finished"
    printed = capsys.readouterr().out
    for words in ("on 2 device(s) and goes on on 1", "data.batch_size", "order of the data", "draws"):
        assert words in printed
    assert words in (copy / "train.log").read_text()


def test_a_run_that_was_killed_resumes_on_two_devices_to_the_bit(
    killed: Path, sweep: tuple[Path, str]
) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)}
    run = subprocess.run(
        [*TRAIN, f"resume={killed}"], env=environment, capture_output=True, text=True, timeout=400
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "goes on on" not in run.stdout  # nothing changes
    whole, resumed = checkpoint(sweep[0] / "0"), checkpoint(killed)
    for key in ("state_dict", "optimizer_states", "time"):
        assert differences(whole[key], resumed[key]) == []


def test_a_rank_that_raises_ends_the_run_with_its_own_error(tmp_path: Path) -> None:
    fail = "+callback.fail={_target_: running.RaiseAt, images: 1024, rank: 1}"
    run = train_apart(tmp_path / "run", *RUN, fail)
    assert run.returncode == 1
    assert run.stderr.count("ArithmeticError: a fault of rank 1") >= 1
    assert run.stderr.strip().splitlines()[-1].startswith("error: rank 1 ended with exit code 1")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["status"] == "failed"
    assert "rank 1 ended" in summary["error"]


@pytest.mark.parametrize(("how", "words"), [("exit", "exit code 7"), ("kill", "was killed (SIGKILL)")])
def test_a_rank_that_dies_while_it_starts_ends_the_command_with_the_cause(
    how: str, words: str, tmp_path: Path
) -> None:
    start = time.monotonic()
    run = train_apart(tmp_path / "run", *RUN, "+callback.die._target_=dying.Die", f"+callback.die.how={how}")
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("error: rank 1 ")
    assert words in run.stderr
    assert time.monotonic() - start < 120  # it hung for good
    assert not list(tmp_path.rglob("*.tmp"))


def test_several_devices_take_the_strategy_by_themselves_and_one_keeps_lightnings() -> None:
    assert strategy_of(compose("trainer=cpu"), make_task()) == {}
    chosen = strategy_of(compose("trainer=cpu", "trainer.devices=2"), make_task())["strategy"]
    assert (type(chosen), chosen.mode) == (AdversarialDDPStrategy, "step")
    named = "trainer.strategy=adversarial_ddp_backward"
    assert (
        strategy_of(compose("trainer=cpu", "trainer.devices=2", named), make_task()) == {}
    )  # Lightning looks the name up


@pytest.mark.parametrize("setting", ["strategy", "trainer.strategy"])
def test_a_strategy_is_chosen_by_its_name(setting: str, ganworks: Callable) -> None:
    settings = ("trainer=cpu", "trainer.devices=2", "dry_run=true")
    assert ganworks("train", *settings, f"{setting}=adversarial_ddp").code == 0
    wrong = ganworks("train", *settings, f"{setting}=adversarial_dpp")
    assert wrong.code == 1
    assert wrong.err.startswith("error: trainer.strategy=adversarial_dpp: must be auto, adversarial_ddp, ")
    assert wrong.err.endswith("Did you mean 'adversarial_ddp'?\n")
    assert ganworks("train", *settings, f"{setting}=backward").err.endswith("'adversarial_ddp_backward'?\n")


def test_more_nodes_than_one_need_a_launcher(ganworks: Callable) -> None:
    wrong = ganworks("train", "trainer=cpu", "trainer.num_nodes=2", "dry_run=true")
    assert wrong.err.startswith("error: trainer.num_nodes=2: must be 1, unless torchrun or srun starts")


@pytest.mark.parametrize(("setting", "value"), [("mode", "stpe"), ("bucket_mb", 0)])
def test_settings_of_the_strategy_are_checked(setting: str, value: object) -> None:
    with pytest.raises(SettingError, match=f"{setting}={value}: must be"):
        AdversarialDDPStrategy(**{setting: value})


def test_buckets_have_one_type_each_and_keep_to_their_size() -> None:
    sizes = [30, 30, 30, 100, 5]
    parameters = [nn.Parameter(torch.zeros(size)) for size in sizes] + [nn.Parameter(torch.zeros(7).double())]
    buckets = make_buckets(parameters, [torch.ones(3), torch.ones(2).double()], bucket_bytes=4 * 64)
    assert [[p.numel() for p in bucket.parameters] for bucket in buckets] == [
        [30, 30],
        [30],
        [100],
        [5],
        [7],
        [],
    ]
    assert [len(bucket.others) for bucket in buckets] == [0, 0, 0, 0, 1, 1]


def test_averaged_gradients_keep_the_memory_format_of_their_parameters() -> None:
    weight = nn.Parameter(torch.zeros(4, 3, 2, 2).to(memory_format=torch.channels_last))
    (bucket,) = make_buckets([weight], [], bucket_bytes=float("inf"))
    assert bucket.gradients[0].stride() == weight.stride()
