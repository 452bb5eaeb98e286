"""A loss that is no number stops the run, which says why and keeps what was good."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

CODE = """
from dataclasses import dataclass
import torch

steps = -1

@dataclass(frozen=True)
class Diverging:
    after: int
    both: bool = True
    relativistic = False

    def discriminator(self, real_logits, fake_logits):
        global steps
        steps += 1
        loss = (fake_logits - real_logits).exp().mean()
        return loss * torch.nan if steps > self.after else loss

    def generator(self, fake_logits, real_logits):
        loss = -fake_logits.mean()
        return loss * torch.nan if self.both and steps > self.after else loss
"""
# This loss counts its calls, which a pure one would not: the doctor, who calls it too, is left out, and the one call of
# the check before the training is not counted.
SMALL = (
    "data=digits",
    "model.width=8",
    "metric=none",
    "callback.sample_grid.num=4",
    "trainer=cpu",
    "~callback.doctor",
)


@pytest.fixture
def diverging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return overrides for a loss that turns NaN after so many steps, for both networks or the discriminator."""
    name = f"diverging_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return lambda after: [f"loss._target_={name}.Diverging", "~loss.label_smoothing", f"+loss.after={after}"]


def weights_are_finite(path: Path) -> bool:
    state = torch.load(path, weights_only=True)["state_dict"]
    return all(torch.isfinite(tensor).all() for tensor in state.values() if tensor.is_floating_point())


def only_run() -> Path:
    (run_dir,) = (path.parent for path in Path("runs").rglob("config.yaml"))
    return run_dir


def test_nan_stops_the_run_with_its_cause_and_the_last_good_checkpoint(
    ganworks: Callable, diverging: Callable
) -> None:
    changes = ("num_images=6400", "callback.checkpoint.every_images=128", "task.patience=4")
    result = ganworks("train", *SMALL, *changes, *diverging(6))
    run_dir = only_run()
    last = run_dir / "checkpoints" / "last.ckpt"
    assert result.code == 1
    assert "Traceback" not in result.out + result.err
    said = result.out + (run_dir / "train.log").read_text()
    for words in ("adversarial=nan", "4 updates in a row (task.patience=4)", f"resume={last}"):
        assert said.count(words) >= 2  # on the terminal and in the log
    summary = json.loads((run_dir / "summary.json").read_text())
    assert summary["status"] == "diverged"
    assert "adversarial=nan" in summary["error"]
    assert "task.patience=4" in summary["error"]
    assert summary["images_seen"] < 6400
    assert torch.load(last, weights_only=True)["time"]["images_seen"] == 384
    assert weights_are_finite(last)


def test_run_that_diverged_goes_on_from_its_last_good_checkpoint_with_other_settings(
    ganworks: Callable, diverging: Callable
) -> None:
    changes = ("num_images=1280", "callback.checkpoint.every_images=128", "task.patience=4")
    ganworks("train", *SMALL, *changes, *diverging(6))
    run_dir = only_run()
    resumed = f"resume={run_dir / 'checkpoints' / 'last.ckpt'}"
    result = ganworks("train", resumed, "loss.after=1000")
    assert result.code == 1
    (trust,) = re.findall(r"trust=\w+", result.err)  # the loss is no class of ours
    result = ganworks("train", resumed, trust, "loss.after=1000")
    assert result.code == 0, result.err
    assert json.loads((run_dir / "summary.json").read_text())["status"] == "finished"


def test_run_that_never_was_finite_leaves_no_checkpoint(ganworks: Callable, diverging: Callable) -> None:
    result = ganworks("train", *SMALL, "num_images=640", "task.patience=2", *diverging(0))
    assert result.code == 1
    assert "There is no checkpoint from before" in result.out
    assert not list(only_run().rglob("*.ckpt"))
    assert not (only_run() / "generator").exists()


def test_patience_outlasts_a_short_fault(ganworks: Callable, diverging: Callable) -> None:
    # four bad steps of both networks are fewer updates than the patience: the run ends as it should
    result = ganworks("train", *SMALL, "num_images=640", "task.patience=9", *diverging(6))
    assert result.code == 0, result.err
    assert json.loads((only_run() / "summary.json").read_text())["status"] == "finished"
    last = only_run() / "checkpoints" / "last.ckpt"
    assert torch.load(last, weights_only=True)["time"]["images_seen"] == 384
    assert weights_are_finite(last)


def test_nan_of_one_network_alone_stops_the_run(ganworks: Callable, diverging: Callable) -> None:
    result = ganworks(
        "train", *SMALL, "num_images=1280", "task.patience=4", *diverging(6), "+loss.both=false"
    )
    assert result.code == 1
    summary = json.loads((only_run() / "summary.json").read_text())
    assert summary["status"] == "diverged"
    assert "discriminator: adversarial=nan" in summary["error"]
    assert summary["images_seen"] == 9 * 64  # six good steps and three bad ones; the fourth bad one ends it


def test_rates_that_blow_up_end_the_same_way(ganworks: Callable) -> None:
    rates = ("loss=lsgan", "optimizer.generator.lr=1e30", "optimizer.discriminator.lr=1e30")
    result = ganworks("train", *SMALL, *rates, "num_images=6400", "callback.checkpoint.every_images=64")
    assert result.code == 1
    assert json.loads((only_run() / "summary.json").read_text())["status"] == "diverged"
    assert all(weights_are_finite(path) for path in only_run().rglob("*.ckpt"))


def test_job_that_diverges_does_not_end_a_sweep(ganworks: Callable, diverging: Callable) -> None:
    result = ganworks("train", "-m", *SMALL, "num_images=192", "task.patience=1", *diverging("0,1000"))
    assert result.code == 0, result.err
    states = [json.loads(path.read_text())["status"] for path in sorted(Path("runs").rglob("summary.json"))]
    assert states == ["diverged", "finished"]
