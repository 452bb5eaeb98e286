"""Checkpoints are whole, finite and the ones that they are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ganworks.callback import Checkpoint, Evaluation
from ganworks.logger.artifact import Artifact
from ganworks.sample.loading import load_generator

EXPORT = {
    "generator": {
        "_target_": "ganworks.model.DCGANGenerator",
        "shape": [1, 8, 8],
        "latent_dim": 4,
        "width": 8,
    }
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def checkpoint(every_images: int | None = 100) -> Checkpoint:
    callback = Checkpoint(every_images)
    callback.export = EXPORT
    return callback


def batch(callback: Checkpoint, trainer: Any, task: Any, num_images: int = 50) -> None:
    task.see(num_images)
    callback.on_train_batch_end(trainer, task)


def test_last_is_written_on_the_clock_of_images_and_at_the_end(
    make_task: Callable, make_trainer: Callable, folder: Path
) -> None:
    saved: list[int] = []
    task, trainer, callback = make_task(), make_trainer(), checkpoint()
    trainer.save_checkpoint = lambda path: (saved.append(task.images_seen), path.write_bytes(b"whole"))
    callback.on_train_start(trainer, task)
    for _ in range(5):
        batch(callback, trainer, task)
    callback.on_train_end(trainer, task)
    assert saved == [100, 200, 250]
    assert sorted(path.name for path in folder.iterdir()) == ["last.ckpt", "last.previous.ckpt"]


def test_the_last_checkpoint_before_stays_beside_the_last(
    make_task: Callable, make_trainer: Callable, folder: Path
) -> None:
    task, trainer, callback = make_task(), make_trainer(), checkpoint()
    trainer.save_checkpoint = lambda path: path.write_text(str(task.images_seen))
    callback.on_train_start(trainer, task)
    for _ in range(6):
        batch(callback, trainer, task)
    assert (folder / "last.ckpt").read_text() == "300"
    assert (folder / "last.previous.ckpt").read_text() == "200"


def test_generator_is_exported_with_each_last_checkpoint(
    make_task: Callable, make_trainer: Callable, folder: Path
) -> None:
    task, trainer, callback = make_task(), make_trainer(), checkpoint()
    callback.on_train_start(trainer, task)
    batch(callback, trainer, task, 100)
    exported = load_generator(folder.parent / "generator")
    assert exported.config["images_seen"] == 100
    latent = exported.draw_latent(2)
    assert torch.equal(exported.generator(latent), task.ema_generator(latent))
    assert not torch.equal(exported.generator(latent), task.generator.eval()(latent))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("network", ["generator", "ema_generator"])
def test_weights_that_are_not_finite_are_never_saved(
    make_task: Callable, make_trainer: Callable, folder: Path, network: str, value: float
) -> None:
    task, trainer, callback = make_task(), make_trainer(), checkpoint()
    callback.on_train_start(trainer, task)
    batch(callback, trainer, task, 100)
    before = (folder / "last.ckpt").read_bytes(), (folder.parent / "generator" / "config.json").read_bytes()
    with torch.no_grad():
        next(getattr(task, network).parameters()).view(-1)[0] = value
    trainer.save_checkpoint = lambda path: path.write_bytes(b"broken")
    batch(callback, trainer, task, 100)
    callback.on_train_end(trainer, task)
    assert (
        (folder / "last.ckpt").read_bytes(),
        (folder.parent / "generator" / "config.json").read_bytes(),
    ) == before


def test_state_after_a_bad_loss_is_not_saved(
    make_task: Callable, make_trainer: Callable, folder: Path
) -> None:
    task, trainer, callback = make_task(), make_trainer(), checkpoint()
    callback.on_train_start(trainer, task)
    task.guard.num_bad_steps = 1
    batch(callback, trainer, task, 100)
    assert not (folder / "last.ckpt").exists()
    task.guard.num_bad_steps = 0
    batch(callback, trainer, task, 100)
    assert (folder / "last.ckpt").exists()


def test_failure_while_writing_leaves_the_checkpoint_before_as_it_was(
    make_task: Callable, make_trainer: Callable, folder: Path
) -> None:
    task, trainer, callback = make_task(), make_trainer(), checkpoint()
    callback.on_train_start(trainer, task)
    batch(callback, trainer, task, 100)
    before = (folder / "last.ckpt").read_bytes()

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    trainer.save_checkpoint = fail
    with pytest.raises(OSError, match="No space"):
        batch(callback, trainer, task, 100)
    assert (folder / "last.ckpt").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["last.ckpt"]  # nothing that keeps the disk full


def test_best_is_saved_when_the_evaluation_says_so_and_once(
    make_task: Callable, make_trainer: Callable, folder: Path
) -> None:
    evaluation = Evaluation.__new__(Evaluation)
    evaluation.is_best, evaluation.best = False, {}
    task, trainer, callback = make_task(), make_trainer(), checkpoint(every_images=None)
    callback.evaluation = evaluation
    saved: list[str] = []
    trainer.save_checkpoint = lambda path: (saved.append(path.name), path.write_bytes(b"whole"))
    callback.on_train_start(trainer, task)
    batch(callback, trainer, task)
    assert not (folder / "best.ckpt").exists()
    evaluation.is_best = True
    batch(callback, trainer, task)
    batch(callback, trainer, task)
    assert (folder / "best.ckpt").exists()
    assert len(saved) == 1


def test_checkpoint_says_which_generator_it_holds() -> None:
    content: dict[str, Any] = {}
    checkpoint().on_save_checkpoint(None, None, content)  # type: ignore[arg-type]
    assert content == {"export": EXPORT}


def test_no_metric_means_no_best(make_task: Callable, make_trainer: Callable, folder: Path) -> None:
    task, trainer, callback = make_task(), make_trainer(), checkpoint()
    callback.on_train_start(trainer, task)
    batch(callback, trainer, task, 100)
    assert [path.name for path in folder.iterdir()] == ["last.ckpt"]


class Keeper:
    """A logger that notes what it is offered."""

    def __init__(self) -> None:
        self.offered: list[tuple[str, tuple[str, ...], int]] = []

    def save(self) -> None:
        """Have nothing to save."""

    def keep_artifact(self, artifact: Artifact) -> None:
        self.offered.append((artifact.path.name, artifact.aliases, artifact.metadata["images_seen"]))


def test_loggers_are_offered_what_is_written_and_the_best_of_before_a_resume(
    make_task: Callable, make_trainer: Callable, folder: Path
) -> None:
    evaluation = Evaluation.__new__(Evaluation)
    evaluation.is_best, evaluation.best = False, {"metric": "fid", "value": 3.0, "images_seen": 50}
    task, trainer, callback = make_task(), make_trainer(), checkpoint(every_images=100)
    trainer.loggers, callback.evaluation = [keeper := Keeper()], evaluation
    callback.on_train_start(trainer, task)
    assert keeper.offered == []
    evaluation.is_best = True
    batch(callback, trainer, task)
    batch(callback, trainer, task)
    best = ("best.ckpt", ("best", "fid-3.00"), 50)
    assert keeper.offered == [best, ("last.ckpt", ("latest",), 100), ("generator", ("latest",), 100)]
    keeper.offered.clear()
    callback.on_train_start(trainer, task)
    assert keeper.offered == [best]
