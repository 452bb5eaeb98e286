"""Every mistake in the settings ends before training, in one line that says what to do, and loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SMALL = ("model.width=8", "metric=none")

# name: (arguments, what the one line has to say)
MISTAKES = {
    "unknown option": (
        ["loss=wgan-gp"],
        ["loss=wgan-gp", "one of bce, began, hinge", "Did you mean 'wgan_gp'?"],
    ),
    "number for an option": (["loss=3"], ["loss=3", "one of bce, began, hinge"]),
    "unknown experiment": (
        ["experiment=digits_dcgn"],
        ["experiment=digits_dcgn", "Did you mean 'digits_dcgan'?"],
    ),
    "unknown group": (["los=bce"], ["'los'", "model, regularizer", "Did you mean 'loss'?"]),
    "unknown key": (["loss=bce", "num_image=3"], ["'num_image'", "Did you mean 'num_images'?"]),
    "unknown nested key": (["task.n_crit=3"], ["'task.n_crit'", "gradient_clip", "Did you mean 'n_critic'?"]),
    "unknown deep key": (["optimizer.generator.rl=3"], ["'optimizer.generator.rl'", "Did you mean 'lr'?"]),
    "unknown key of a chosen option": (
        ["regularizer=r1", "regularizer.r1.wieght=5"],
        ["'regularizer.r1.wieght'", "regularizer.r1 has", "Did you mean 'weight'?"],
    ),
    "added key": (["+loss.marginn=1", "loss=hinge"], ["loss.marginn=1", "margin", "Did you mean 'margin'?"]),
    "no setting": (["hinge"], ["'hinge'", "name=value"]),
    "unknown target": (
        ["loss._target_=ganworks.loss.Hing"],
        ["loss._target_", "Did you mean 'ganworks.loss.Hinge'?"],
    ),
    "one of several options": (["metric=[digits,spectum]"], ["metric=spectum", "Did you mean 'spectrum'?"]),
    "several options for one": (["loss=bce,hinge"], ["'loss=[bce,hinge]'", "-m loss=bce,hinge"]),
    "unknown choice of a logger": (["logger=wandb", "logger.wandb.artifacts=al"], ["artifacts=al", "'all'"]),
    "zero count": (["data.batch_size=0"], ["data.batch_size=0", "an integer from 1 up"]),
    "negative count": (["num_images=-3"], ["num_images=-3", "an integer from 1 up"]),
    "word for a count": (["metric.num_samples=many"], ["metric.num_samples=many", "an integer"]),
    "fraction for a count": (["model.width=2.5"], ["model.width=2.5", "an integer"]),
    "zero interval": (["callback.sample_grid.every_images=0"], ["callback.sample_grid.every_images=0"]),
    "zero critic steps": (["task.n_critic=0"], ["task.n_critic=0", "an integer from 1 up"]),
    "zero patience": (["task.patience=0"], ["task.patience=0", "an integer from 1 up"]),
    "negative seed": (["seed=-1"], ["seed=-1", "an integer from 0 up"]),
    "empty name": (["name="], ["name=", "runs/<name>"]),
    "word for a rate": (["optimizer.generator.lr=fast"], ["optimizer.generator", "lr=fast"]),
    "negative rate": (["optimizer.discriminator.lr=-1"], ["optimizer.discriminator", "lr=-1"]),
    "rate out of range": (["loss.label_smoothing=2"], ["loss.label_smoothing=2", "from 0 to"]),
    "unknown precision": (["trainer.precision=17"], ["trainer", "17", "bf16-mixed"]),
    "no such device": (["trainer.accelerator=tpu"], ["trainer"]),
    "impossible resolution": (
        ["data.resolution=13", *SMALL],
        ["model.generator.resolution=13", "power of two", "nearest is 12"],
    ),
    "metric of other data": (["data.resolution=16", "model.width=8"], ["metric=digits", "fid"]),
    "batch larger than the data": (["data.batch_size=2000"], ["data.batch_size=2000", "at most 1797"]),
    "accumulation that does not divide": (
        ["task.accumulate=3", "data.batch_size=64"],
        ["task.accumulate=3", "divi"],
    ),
    "batch norm under a penalty": (
        ["regularizer=r1", "model.discriminator.norm=batch"],
        ["model.discriminator.norm=batch", "none, layer or spectral", "regularizer=r1"],
    ),
    "classes without labels": (
        ["data=ring", "data.num_classes=0", "model.conditional=true"],
        ["num_classes", "0"],
    ),
    "Inception weights missing": (
        ["metric=fid", "metric.extractor.inception.weights=nowhere.pth"],
        ["nowhere.pth is missing", "https://", "metric=none"],
    ),
    "no folder given": (["data=folder", *SMALL], ["data.root", "folder of your images"]),
    "folder missing": (["data=folder", "data.root=nowhere", *SMALL], ["data.root=nowhere", "exists"]),
    "run directory missing": (["resume=nowhere"], ["resume=nowhere", "an existing run directory"]),
    "runs below a file": (["paths.runs=/dev/null/runs"], ["/dev/null", "Not a directory"]),
    "a setting of a penalty that another replaced": (
        ["regularizer=r1", "regularizer.r1.weight=5", "regularizer=none"],
        ["regularizer.r1.weight", "leave it out", "r1_r2"],
    ),
}


def assert_one_line(result, parts) -> None:
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1, result.err
    assert "Traceback" not in result.out + result.err
    for part in parts:
        assert part in result.err


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named_in_one_line_and_nothing_is_left_behind(ganworks: Callable, mistake: str) -> None:
    arguments, parts = MISTAKES[mistake]
    assert_one_line(ganworks("train", *arguments), parts)
    assert list(Path.cwd().rglob("*")) == []


def test_right_settings_pass_the_same_checks(ganworks: Callable) -> None:
    result = ganworks("train", "loss=wgan_gp", "data.resolution=16", *SMALL, "dry_run=true")
    assert result.code == 0, result.err
    assert "All checks passed" in result.out


def test_folder_that_someone_made_for_the_runs_stays(ganworks: Callable, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    assert ganworks("train", f"paths.runs={tmp_path / 'store'}", "task.n_critic=0").code == 1
    assert list((tmp_path / "store").rglob("*")) == []
    assert (tmp_path / "store").is_dir()


def test_second_run_in_a_run_directory_is_refused(ganworks: Callable, copied_run: Path) -> None:
    before = content(copied_run)
    result = ganworks("train", f"hydra.run.dir={copied_run}", "loss=bce", *SMALL)
    assert_one_line(result, [str(copied_run), "holds a run already", f"resume={copied_run}"])
    assert content(copied_run) == before


def test_inception_weights_with_another_hash_are_refused(ganworks: Callable) -> None:
    Path("weights.pth").write_bytes(b"no weights")
    result = ganworks("train", "data=digits", "metric=fid", "metric.extractor.inception.weights=weights.pth")
    assert_one_line(result, ["weights.pth", "SHA-256", "6726825d"])
    assert [path.name for path in Path.cwd().iterdir()] == ["weights.pth"]


@pytest.mark.parametrize(("file", "words"), [(None, "it is empty"), ("notes.txt", "other files")])
def test_folder_without_images_is_refused(ganworks: Callable, file: str | None, words: str) -> None:
    Path("photos").mkdir()
    if file:
        Path("photos", file).write_text("not an image")
    result = ganworks("train", "data=folder", "data.root=photos", *SMALL)
    assert_one_line(result, ["data.root=photos", "a folder with images", words])


def photos(num: int, num_corrupt: int) -> None:
    """Put images into the folder `photos`, the first ones cut off."""
    Path("photos").mkdir()
    for index in range(num):
        path = Path("photos", f"{index:02}.png")
        pixels = np.random.default_rng(index).integers(0, 256, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        if index < num_corrupt:
            path.write_bytes(path.read_bytes()[:120])


FOLDER = ("data=folder", "data.root=photos", "data.resolution=8", "data.batch_size=4", "num_images=8", *SMALL)


def test_folder_with_too_many_corrupt_images_is_refused(ganworks: Callable) -> None:
    photos(num=12, num_corrupt=3)
    result = ganworks("train", *FOLDER)
    assert_one_line(result, ["data.max_corrupt=0.1", "3 of 12", "00.png"])
    assert not Path("runs").exists()


def test_few_corrupt_images_are_counted_named_and_skipped(ganworks: Callable) -> None:
    photos(num=12, num_corrupt=1)
    result = ganworks("train", *FOLDER)
    assert result.code == 0, result.err
    (log,) = Path("runs").rglob("train.log")
    for text in (result.out, log.read_text()):
        assert "1 of 12 images" in text
        assert "00.png" in text
        assert "01.png" not in text


def test_folder_of_corrupt_images_alone_is_refused(ganworks: Callable) -> None:
    photos(num=3, num_corrupt=3)
    result = ganworks("train", *FOLDER, "data.max_corrupt=1")
    assert result.code == 1
    assert "data.root=photos" in result.err or "3 of 3" in result.err
    assert "Traceback" not in result.err


def test_authors_of_classes_may_ask_for_the_traceback(ganworks: Callable, monkeypatch) -> None:
    monkeypatch.setenv("GANWORKS_TRACEBACK", "1")
    result = ganworks("train", "task.n_critic=0")
    assert result.code == 1
    assert "Traceback" in result.err


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, byte for byte."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
