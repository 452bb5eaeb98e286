"""A resume that can't be is refused in words, and the run keeps every file as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, byte for byte."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


OVERRIDES = {
    "unknown key": ("num_image=2000", ["'num_image'", "Did you mean 'num_images'?"]),
    "unknown nested key": ("task.n_crit=2", ["'task.n_crit'", "gradient_clip", "Did you mean 'n_critic'?"]),
    "group": ("loss=bce", ["loss=bce", "keeps its groups"]),
    "group below a group": ("task.ema=none", ["task.ema=none", "keeps its groups"]),
    "sweep": ("seed=1,2", ["seed=1,2", "one value"]),
    "no setting": ("more", ["'more'", "name=value"]),
    "zero count": ("num_images=0", ["num_images=0", "an integer from 1 up"]),
    "nothing left to do": ("seed=0", ["num_images=640", "more than the 640 images"]),
    "batch larger than the data": ("data.batch_size=5000", ["data.batch_size=5000", "at most 1797"]),
}


@pytest.mark.parametrize("mistake", OVERRIDES)
def test_wrong_override_is_named_and_the_run_keeps_its_files(
    ganworks: Callable, copied_run: Path, mistake: str
) -> None:
    override, parts = OVERRIDES[mistake]
    before = content(copied_run)
    result = ganworks("train", f"resume={copied_run}", override)
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1, result.err
    for part in parts:
        assert part in result.err
    assert content(copied_run) == before
    assert list(Path.cwd().iterdir()) == []


def without_config(run: Path) -> list[str]:
    (run / "config.yaml").unlink()
    return ["config.yaml"]


def with_half_a_config(run: Path) -> list[str]:
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text[: text.index("\ntask:")])
    return ["config.yaml", "is damaged", "task"]


def with_a_broken_config(run: Path) -> list[str]:
    (run / "config.yaml").write_text("model: [1, 2\nloss")
    return ["config.yaml", "is damaged"]


def with_an_empty_config(run: Path) -> list[str]:
    (run / "config.yaml").write_text("")
    return ["config.yaml", "is damaged"]


def without_checkpoint(run: Path) -> list[str]:
    (run / "checkpoints" / "last.ckpt").unlink()
    (run / "checkpoints" / "last.previous.ckpt").unlink()
    return ["checkpoints/last.ckpt", "start it anew"]


def with_half_a_checkpoint(run: Path) -> list[str]:
    path = run / "checkpoints" / "last.ckpt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (run / "checkpoints" / "last.previous.ckpt").unlink()
    return [str(path), "cut off", str(run / "checkpoints" / "best.ckpt")]


def with_an_empty_checkpoint(run: Path) -> list[str]:
    (run / "checkpoints" / "last.ckpt").write_bytes(b"")
    (run / "checkpoints" / "last.previous.ckpt").write_bytes(b"")
    return ["last.ckpt", "cut off", "best.ckpt"]


def with_a_foreign_checkpoint(run: Path) -> list[str]:
    torch.save({"weights": torch.zeros(3)}, run / "checkpoints" / "last.ckpt")
    return ["last.ckpt was not written by ganworks"]


@pytest.mark.parametrize(
    "damage",
    [
        without_config,
        with_half_a_config,
        with_a_broken_config,
        with_an_empty_config,
        without_checkpoint,
        with_half_a_checkpoint,
        with_an_empty_checkpoint,
        with_a_foreign_checkpoint,
    ],
)
def test_half_written_run_is_refused_and_the_rest_of_it_stays(
    ganworks: Callable, copied_run: Path, damage: Callable[[Path], list[str]]
) -> None:
    parts = damage(copied_run)
    before = content(copied_run)
    result = ganworks("train", f"resume={copied_run}", "num_images=1280")
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1, result.err
    for part in parts:
        assert part in result.err
    assert content(copied_run) == before


def test_checkpoint_of_another_model_names_the_first_tensors_that_differ(
    ganworks: Callable, copied_run: Path
) -> None:
    before = content(copied_run)
    result = ganworks("train", f"resume={copied_run}", "num_images=1280", "model.generator.width=16")
    assert result.code == 1
    assert "last.ckpt is from another model" in result.err
    weights = torch.load(copied_run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    named = [name for name in weights if name in result.err]
    assert named
    shape = tuple(weights[named[0]].shape)
    assert f"{named[0]}: {shape} in the file" in result.err
    assert "Traceback" not in result.err
    assert content(copied_run) == before


def test_the_other_checkpoint_helps_after_a_damaged_one(ganworks: Callable, copied_run: Path) -> None:
    with_half_a_checkpoint(copied_run)
    best = copied_run / "checkpoints" / "best.ckpt"
    result = ganworks("train", f"resume={best}", "num_images=704")
    assert result.code == 0, result.err
    last = torch.load(copied_run / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["time"]["images_seen"] == 704


def test_an_empty_resume_begins_no_new_run(ganworks: Callable) -> None:
    result = ganworks("train", "resume=", "dry_run=true")
    assert result.code == 1
    assert result.err.startswith("error: resume=: must be a run directory or a checkpoint")
    assert list(Path.cwd().iterdir()) == []
    assert ganworks("train", "resume=null", "dry_run=true").code == 0  # control
