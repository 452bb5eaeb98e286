"""After a divergence the run goes back, and further back where that led to it again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ganworks.callback.restore import take_as_last, way_back
from ganworks.logger import read_metrics
from running import checkpoint, train

LAST, PREVIOUS, BEST = "last.ckpt", "last.previous.ckpt", "best.ckpt"


def write(folder: Path, **images: int) -> None:
    names = {"last": LAST, "previous": PREVIOUS, "best": BEST}
    for name, count in images.items():
        torch.save({"time": {"images_seen": count}}, folder / names[name])


def name_of(folder: Path, restored: list[tuple[int, int]]) -> str | None:
    path, _ = way_back(folder, restored)
    return None if path is None else path.name


def test_each_divergence_goes_back_further_and_the_oldest_is_tried_again(tmp_path: Path) -> None:
    write(tmp_path, last=300, previous=200, best=100)
    assert name_of(tmp_path, []) == LAST
    assert name_of(tmp_path, [(350, 300)]) == PREVIOUS
    assert name_of(tmp_path, [(350, 300), (400, 200)]) == BEST
    assert name_of(tmp_path, [(350, 300), (400, 200), (450, 100)]) == BEST


def test_two_checkpoints_after_a_restore_the_run_is_well(tmp_path: Path) -> None:
    write(tmp_path, last=500, previous=400, best=100)
    path, restored = way_back(tmp_path, [(350, 300)])
    assert (path, restored) == (tmp_path / LAST, [])
    write(tmp_path, last=400, previous=300)  # control: one is not enough
    assert name_of(tmp_path, [(350, 300)]) == BEST


def test_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    assert name_of(tmp_path, []) is None
    write(tmp_path, last=300, previous=200)
    (tmp_path / LAST).write_bytes(bytes(1000))
    assert name_of(tmp_path, []) == PREVIOUS


def test_checkpoint_that_was_restored_is_the_next_ones_predecessor(tmp_path: Path) -> None:
    write(tmp_path, last=300, previous=200)
    take_as_last(tmp_path / PREVIOUS)
    assert torch.load(tmp_path / LAST)["time"]["images_seen"] == 200
    assert (tmp_path / PREVIOUS).exists()


@pytest.mark.parametrize("max_restores", [2, 6])
def test_run_that_never_recovers_ends_as_diverged_and_says_where_it_went_back_to(
    tmp_path: Path, max_restores: int
) -> None:
    run_dir = tmp_path / "run"
    spoil = "+callback.spoil={_target_: running.SpoilAt, images: 1000, every: true}"
    options = ["callback.doctor.on_divergence=restore", f"callback.doctor.max_restores={max_restores}"]
    options += ["callback.checkpoint.every_images=320", "task.patience=2", "num_images=6400", spoil]
    assert train(run_dir, *options).status == "diverged"
    summary = json.loads((run_dir / "summary.json").read_text())
    told = summary["doctor"]
    assert (summary["status"], told["restores"], len(told["restored"])) == (
        "diverged",
        max_restores,
        max_restores,
    )
    back_to = [each["back_to"] for each in told["restored"]]
    assert back_to == sorted(back_to, reverse=True)
    assert back_to[0] > back_to[1] > 0  # first the last one, then the one before
    at = [each["at"] for each in told["restored"]]
    assert at == sorted(set(at))  # the clock went on: other batches, other noise
    rates = [
        r["train/generator/lr"] for r in read_metrics(run_dir / "metrics.csv") if "train/generator/lr" in r
    ]
    assert rates[-1] <= rates[0]
    assert all(bool(t.isfinite().all()) for t in checkpoint(run_dir)["state_dict"].values())
