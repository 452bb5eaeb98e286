"""A run that is killed anywhere around a checkpoint and resumed is the run that nobody killed."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl

from ganworks import callback
from ganworks.callback import Checkpoint
from ganworks.logger import read_metrics
from ganworks.run.start import start
from running import QUICK, checkpoint, compose, differences, train_on

AT = 384  # images; a checkpoint, an evaluation and a look of the doctor fall on it
OPTIONS = [
    *("num_images=768", "metric=digits", "metric.num_samples=64", "metric.every_images=192"),
    *("callback.checkpoint.every_images=192", "trainer.log_every_n_steps=1", "num_threads=1"),
    *("optimizer.generator.lr=0.05", "~callback.progress"),  # sick, so that there are episodes
]
CALLBACKS = ("Evaluation", "SampleGrid", "Doctor", "Checkpoint")
OF_THE_CLOCK = {"train/images_per_second", "doctor/images_per_second", "doctor/speed_ratio"}


def train_until_killed(run_dir: Path, name: str, when: str) -> None:
    """Train, and end this process without a word before or after a callback's work, or within the checkpoint's."""
    patch_callback(name, when)
    start(
        compose(*[o for o in QUICK if "metric" not in o and "sample_grid" not in o], *OPTIONS), run_dir, 0.0
    )


def patch_callback(name: str, when: str) -> None:
    """Have the callbacks of a class called ``name`` kill the process at `AT` images."""
    cls = getattr(callback, name)
    hook = "save" if when.startswith("within") else "on_train_batch_end"
    original: Callable[..., Any] = getattr(cls, hook)

    def killing(self: Any, trainer: Any, task: Any, *args: Any) -> Any:
        if task.images_seen == AT and when == "before":
            os._exit(9)
        done = original(self, trainer, task, *args)
        if task.images_seen == AT and (when == "after" or when.endswith(str(args[-1]))):
            os._exit(9)
        return done

    setattr(cls, hook, killing)


def in_a_fork(function: Callable[..., None], *arguments: Any) -> int:
    """Call ``function`` in a copy of this process; return how that ended."""
    process = multiprocessing.get_context("fork").Process(target=function, args=arguments)
    process.start()
    process.join(120)
    return int(process.exitcode if process.exitcode is not None else -1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nobody killed."""
    run_dir = tmp_path_factory.mktemp("whole") / "run"
    config = compose(*[o for o in QUICK if "metric" not in o and "sample_grid" not in o], *OPTIONS)
    assert start(config, run_dir, 0.0).status == "finished"
    return run_dir


def rows(run_dir: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv without what a clock measures; NaN as text, for NaN is not equal to itself."""
    table = read_metrics(run_dir / "metrics.csv")
    return [{k: repr(v) for k, v in sorted(row.items()) if k not in OF_THE_CLOCK} for row in table]


def episodes(run_dir: Path) -> list[Any]:
    """The doctor's episodes but those about speed."""
    found = json.loads((run_dir / "summary.json").read_text())["doctor"]["episodes"]
    return [(e["rule"], e["since"], e["until"], e["value"]) for e in found if "slow" not in e["rule"]]


PLACES = [(name, when) for name in CALLBACKS for when in ("before", "after")]
PLACES += [("Checkpoint", "within best.ckpt"), ("Checkpoint", "within last.ckpt")]


@pytest.mark.parametrize(("name", "when"), PLACES)
def test_run_killed_around_a_callback_and_resumed_is_the_run_that_nobody_killed(
    whole: Path, tmp_path: Path, name: str, when: str
) -> None:
    run_dir = tmp_path / "run"
    assert in_a_fork(train_until_killed, run_dir, name, when) == 9
    assert checkpoint(run_dir)["time"]["images_seen"] in (192, AT)
    train_on(run_dir)
    assert rows(run_dir) == rows(whole)
    assert episodes(run_dir) == episodes(whole) != []
    assert differences(checkpoint(run_dir)["state_dict"], checkpoint(whole)["state_dict"]) == []
    best = [json.loads((each / "summary.json").read_text())["best"] for each in (run_dir, whole)]
    assert best[0] == best[1]
    assert not list(run_dir.rglob("*.staged*"))


def test_a_checkpoint_before_the_doctors_look_would_lose_a_row(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with the callbacks in the order of the configuration the same kill leaves another table."""
    run_dir, trainer_of = tmp_path / "run", pl.Trainer.__init__

    def in_the_wrong_order(self: pl.Trainer, *args: Any, callbacks: Any = (), **kwargs: Any) -> None:
        early = [c for c in callbacks or () if isinstance(c, Checkpoint)]
        trainer_of(self, *args, callbacks=[*early, *(c for c in callbacks or () if c not in early)], **kwargs)

    monkeypatch.setattr(pl.Trainer, "__init__", in_the_wrong_order)
    assert in_a_fork(train_until_killed, run_dir, "Doctor", "before") == 9
    monkeypatch.undo()
    train_on(run_dir)
    assert rows(run_dir) != rows(whole)
