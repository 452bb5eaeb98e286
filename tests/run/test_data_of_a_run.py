"""The data of a run: its paths hold from any directory, other files than before are an error, its classes are named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from ganworks import load_generator
from ganworks.data.files import find_images
from ganworks.data.record import differences, record_of
from ganworks.errors import SettingError
from ganworks.run.paths import make_paths_absolute
from running import checkpoint, compose, train, train_on

FOLDER = (
    "data=folder",
    "data.resolution=8",
    "data.channels=1",
    "data.batch_size=4",
    "trainer.log_every_n_steps=1",
)


def write(root: Path, *classes: str, num: int = 8, seed: int = 0, depth: int = 8) -> Path:
    draw = np.random.default_rng(seed)
    for name in classes or (".",):
        (root / name).mkdir(parents=True, exist_ok=True)
        for index in range(num):
            values = draw.integers(0, 256 if depth == 8 else 4096, (8, 8))
            Image.fromarray(values.astype(np.uint8 if depth == 8 else np.uint16)).save(
                root / name / f"{index}.png"
            )
    return root


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with images in ``imgs``, and another one with other images under the same name."""
    write(tmp_path / "here" / "imgs", seed=0)
    write(tmp_path / "there" / "imgs", seed=1)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_run_resumed_from_another_directory_goes_on_with_its_own_images(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parted = here.parent / "whole", here.parent / "parted"
    train(whole, *FOLDER, "data.root=imgs", "num_images=32")
    train(parted, *FOLDER, "data.root=imgs", "num_images=32", "trainer.max_steps=3")
    config = OmegaConf.load(parted / "config.yaml")
    assert config.data.root == str(here / "imgs")
    assert Path(config.data.cache).is_absolute()
    assert Path(config.metric.cache).is_absolute()
    monkeypatch.chdir(here.parent / "there")
    train_on(parted, "trainer.max_steps=-1")
    first, second = checkpoint(whole)["state_dict"], checkpoint(parted)["state_dict"]
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_paths_of_every_class_are_absolute_and_other_texts_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.pth").touch()
    config = compose(
        "data=mnist", "paths.data=sets", "metric=fid", "metric.extractor.inception.weights=mine.pth"
    )
    make_paths_absolute(config)
    assert config.data.root == str(tmp_path / "sets")
    assert config.metric.extractor.inception.weights == str(tmp_path / "mine.pth")
    assert Path(config.metric.cache).is_absolute()
    config = compose("data=folder", "data.root='~/x'", "data.label_source=labels.csv", "data.label=class")
    make_paths_absolute(config)
    assert config.data.root == str(Path.home() / "x")
    assert (config.data.label_source, config.data.label) == ("labels.csv", "class")
    config = compose("data=folder", "data.root=s3://bucket/x")
    make_paths_absolute(config)
    assert config.data.root == "s3://bucket/x"


def remove(root: Path) -> None:
    (root / "3.png").unlink()


def add(root: Path) -> None:
    shutil.copy(root / "3.png", root / "new.png")


def rename(root: Path) -> None:
    (root / "3.png").rename(root / "three.png")


def repaint(root: Path) -> None:
    Image.new("L", (90, 90)).save(root / "3.png")


def swap(root: Path) -> None:
    shutil.rmtree(root)
    write(root, num=30, seed=9)


CHANGES = {
    "gone": (remove, "1 of its 8 files are gone or have another size"),
    "added": (add, r"1 are new or have another size \(new.png\)"),
    "renamed": (rename, r"1 of its 8 files are gone .* and 1 are new or have another size \(three.png\)"),
    "of another size": (
        repaint,
        r"1 of its 8 files are gone .* and 1 are new or have another size \(3.png\)",
    ),
    "another set": (swap, r"(22|2\d|30) are new or have another size \(.*\.png, .*\.png, .*\.png, \.\.\.\)"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_run_resumed_with_other_files_is_an_error_that_says_what_differs(
    change: str, here: Path, capsys: pytest.CaptureFixture
) -> None:
    run = here.parent / "run"
    train(run, *FOLDER, "data.root=imgs", "num_images=32", "trainer.max_steps=3")
    apply, message = CHANGES[change]
    before = (run / "config.yaml").read_text()
    apply(here / "imgs")
    with pytest.raises(SettingError, match=rf"data.changed=error: must be accept .*{message}"):
        train_on(run, "trainer.max_steps=-1")
    assert (run / "config.yaml").read_text() == before
    assert train_on(run, "trainer.max_steps=-1", "data.changed=accept").status == "finished"
    assert "other data than the run has seen" in "".join(capsys.readouterr())
    train_on(run, "num_images=64", "data.changed=error")  # from then on these files are the run's


def test_files_that_were_copied_elsewhere_are_the_same(here: Path) -> None:
    run = here.parent / "run"
    train(run, *FOLDER, "data.root=imgs", "num_images=32", "trainer.max_steps=3")
    shutil.copytree(
        here / "imgs", here / "moved", copy_function=shutil.copyfile
    )  # with other times of change
    os.utime(here / "moved" / "3.png", (1, 1))
    assert train_on(run, "trainer.max_steps=-1", f"data.root={here / 'moved'}").status == "finished"


def test_checkpoint_and_configuration_of_an_earlier_state_resume_without_a_look(here: Path) -> None:
    run = here.parent / "run"
    train(run, *FOLDER, "data.root=imgs", "num_images=32", "trainer.max_steps=3")
    config = OmegaConf.load(run / "config.yaml")
    for name in ("changed", "split", "value_range", "max_pixels", "classes"):
        del config.data[name]
    OmegaConf.save(config, run / "config.yaml")
    path = run / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    del content["Folder"]["record"]
    torch.save(content, path)
    remove(here / "imgs")
    assert train_on(run, "trainer.max_steps=-1").status == "finished"
    assert "record" not in checkpoint(run)["Folder"]


@pytest.mark.parametrize("apply", [remove, add, rename, repaint])
def test_record_tells_files_and_labels_apart(apply: Callable[[Path], None], tmp_path: Path) -> None:
    root = write(tmp_path / "set")
    before = record_of(find_images(root))
    assert before["files"].dtype == torch.int32
    assert differences(before, find_images(root)) is None
    apply(root)
    assert differences(before, find_images(root)) is not None


def test_other_labels_of_the_same_files_are_a_difference(tmp_path: Path) -> None:
    files = find_images(write(tmp_path / "set", "cat", "dog"))
    before = record_of(files)
    object.__setattr__(files, "labels", 1 - files.labels)
    assert differences(before, files) == "the labels are others"


def test_classes_are_named_by_number_wherever_a_run_speaks_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    names = [str(number) for number in range(12)]
    root, run = write(tmp_path / "set", *names, num=2), tmp_path / "run"
    arguments = (*FOLDER, f"data.root={root}", "model.conditional=true", "num_images=32")
    train(run, *arguments, "dry_run=true")
    assert "12 classes (0 0, 1 1, 2 2" in " ".join(capsys.readouterr().out.replace("│", " ").split())
    train(run, *arguments, "trainer.max_steps=3")
    assert OmegaConf.load(run / "config.yaml").data.classes == names
    assert json.loads((run / "summary.json").read_text())["data"]["classes"] == names
    assert json.loads((run / "generator" / "config.json").read_text())["classes"] == names
    assert load_generator(run).labels(2, 0, "10").tolist() == [10, 10]
    train_on(run, "trainer.max_steps=-1")
    (root / "12").mkdir()
    shutil.copy(root / "0" / "0.png", root / "12")
    with pytest.raises(SettingError, match=r"classes=.*it has 12 too"):
        train_on(run, "num_images=64", "data.changed=accept")


def test_range_of_values_stays_that_of_the_run(tmp_path: Path) -> None:
    root, run = write(tmp_path / "set", depth=16), tmp_path / "run"
    train(run, *FOLDER, f"data.root={root}", "num_images=32", "trainer.max_steps=3")
    assert OmegaConf.load(run / "config.yaml").data.value_range == [0, 4095]
    assert json.loads((run / "summary.json").read_text())["data"]["value_range"] == [0, 4095]
    assert load_generator(run).config["data"]["value_range"] == [0, 4095]
    Image.fromarray(np.full((8, 8), 60000, np.uint16)).save(root / "bright.png")  # would widen the range
    train_on(run, "trainer.max_steps=-1", "data.changed=accept")
    assert OmegaConf.load(run / "config.yaml").data.value_range == [0, 4095]
