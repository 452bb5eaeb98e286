"""Runs whose labels are names of classes, several classes at once, or vectors of numbers: from the files to samples."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from conftest import TINY, Result, call
from digit_files import write_images
from ganworks import load_generator
from ganworks.logger import read_metrics
from ganworks.metric import digits_images
from pairs import TESTS, TRAIN
from running import checkpoint, differences

NUM = 160
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SAID = {
    "class": ("class", sorted(WORDS)),
    "multi": ("multi", ["even", "large", "holes"]),
    "vector": ("vector", []),
}
every_kind = pytest.mark.parametrize("kind", SAID)
beyond_classes = pytest.mark.parametrize("kind", ["multi", "vector"])


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of the same digits: labelled by words, by three properties of a digit, and by two numbers."""
    images, digits = digits_images()
    images, digits = images[:NUM], digits[:NUM].tolist()
    holes = (0, 6, 8, 9)
    tables = {
        "class": (["path", "label"], [[WORDS[d]] for d in digits]),
        "multi": (["path", *SAID["multi"][1]], [[int(d % 2 == 0), int(d > 4), int(d in holes)] for d in digits]),
        "vector": (["path", "size", "ink"], [[d / 3 - 1.5, float(images[i].mean())] for i, d in enumerate(digits)]),
    }  # fmt: skip
    roots = {}
    for kind, (header, rows) in tables.items():
        roots[kind] = write_images(tmp_path_factory.mktemp("labels") / kind, images)
        names = sorted(path.name for path in roots[kind].iterdir())
        with (roots[kind] / "labels.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *([n, *row] for n, row in zip(names, rows, strict=True))])
    return roots


def command(root: Path, run_dir: Path, *more: str) -> list[str]:
    """Return the arguments of a short conditional run on a folder."""
    size = ("data.resolution=8", "data.channels=1", "data.batch_size=16", "num_images=640")
    return [
        *("data=folder", f"data.root={root}", *size, "metric=digits", "model.conditional=true", *TINY),
        *("trainer.log_every_n_steps=4", f"hydra.run.dir={run_dir}", *more),
    ]


@pytest.fixture(scope="module")
def runs(roots: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each kind of label, with pictures, evaluations and the doctor."""
    found = {}
    for kind, root in roots.items():
        found[kind] = tmp_path_factory.mktemp("runs") / kind
        assert call("train", *command(root, found[kind], "metric.every_images=320")) == 0
    return found


@every_kind
def test_run_says_what_its_labels_are(kind: str, runs: dict[str, Path]) -> None:
    run = runs[kind]
    width = {"class": 10, "multi": 3, "vector": 2}[kind]
    config = json.loads((run / "generator" / "config.json").read_text())
    assert (config["label_kind"], config["classes"]) == SAID[kind]
    assert OmegaConf.load(run / "config.yaml").data.num_classes == width
    assert config["generator"]["num_classes"] == width
    assert checkpoint(run)["export"]["classes"] == SAID[kind][1]
    summary = json.loads((run / "summary.json").read_text())
    assert summary["metrics"]["fd_digits"] > 0
    assert len(list((run / "samples").iterdir())) > 1


@every_kind
def test_doctor_asks_for_labels_of_classes_alone(kind: str, runs: dict[str, Path]) -> None:
    columns = {name for row in read_metrics(runs[kind] / "metrics.csv") for name in row}
    assert ("doctor/label_auc" in columns) == (kind == "class")
    assert "doctor/auc" in columns


@beyond_classes
def test_vectors_matter_to_a_trained_generator(kind: str, runs: dict[str, Path]) -> None:
    sampler = load_generator(runs[kind])
    first, second = (torch.full((sampler.num_classes,), value) for value in (0.0, 1.0))
    assert not torch.allclose(sampler.sample(4, label=first), sampler.sample(4, label=second), atol=1e-3)


def drawn(ganworks: Callable[..., Result], run: Path, *arguments: str) -> torch.Tensor:
    result = ganworks("sample", f"run={run}", *arguments, "out=array.npy")
    assert result.code == 0, result.err
    return torch.from_numpy(np.load("array.npy"))


def test_sample_takes_classes_by_name(ganworks: Callable[..., Result], runs: dict[str, Path]) -> None:
    sampler = load_generator(runs["class"])
    assert torch.equal(drawn(ganworks, runs["class"], "num=3", "label=three"), sampler.sample(3, label=7))
    cycle = torch.tensor([7, 0, 7, 0, 7])
    assert torch.equal(
        drawn(ganworks, runs["class"], "num=5", "label=three,eight"), sampler.sample(5, label=cycle)
    )
    assert torch.equal(drawn(ganworks, runs["class"], "num=5", "label=7,0"), sampler.sample(5, label=cycle))


def test_sample_takes_several_classes_at_once(ganworks: Callable[..., Result], runs: dict[str, Path]) -> None:
    sampler = load_generator(runs["multi"])
    both = sampler.sample(3, label=torch.tensor([1.0, 0, 1]))
    assert torch.equal(drawn(ganworks, runs["multi"], "num=3", "label=[even,holes]"), both)
    assert torch.equal(drawn(ganworks, runs["multi"], "num=3", "label=[0,2]"), both)
    turns = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 0, 1]])
    assert torch.equal(
        drawn(ganworks, runs["multi"], "num=3", "label=[0,2],[1]"), sampler.sample(3, label=turns)
    )


def test_sample_takes_vectors_and_files_of_them(
    ganworks: Callable[..., Result], runs: dict[str, Path]
) -> None:
    sampler = load_generator(runs["vector"])
    expected = sampler.sample(3, label=torch.tensor([0.5, -2]))
    assert torch.equal(drawn(ganworks, runs["vector"], "num=3", "label=[.5,-2]"), expected)
    rows = torch.randn(5, 2)
    np.save("rows.npy", rows.numpy())
    assert torch.equal(drawn(ganworks, runs["vector"], "label=rows.npy"), sampler.sample(5, label=rows))
    again = rows[[0, 1, 2, 3, 4, 0, 1]]
    assert torch.equal(
        drawn(ganworks, runs["vector"], "num=7", "label=rows.npy"), sampler.sample(7, label=again)
    )
    strips = drawn(ganworks, runs["vector"], "interpolate=2", "num=4", "label=rows.npy")
    assert torch.equal(strips, sampler.interpolate(2, 4, label=rows[:2]))
    Path("rows.csv").write_text("size,ink\n.5,-2\n")
    assert torch.equal(drawn(ganworks, runs["vector"], "num=3", "label=rows.csv"), expected)


MISTAKES = {
    ("class", "label=elf"): ["label=elf", "one of the classes eight, five"],
    ("class", "label=10"): ["label=10", "one of the classes"],
    ("multi", ""): ["label=", "given", "conditioned on 3 numbers"],
    ("multi", "label=[0,3]"): ["label=3", "one of the classes even, large, holes"],
    ("vector", ""): ["label=", "given", "conditioned on 2 numbers"],
    ("vector", "label=[1]"): ["label=[1]", "2 numbers a label"],
    ("vector", "label=none.npy"): ["label=none.npy", "a file that can be read"],
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_label_is_named_in_one_line(
    ganworks: Callable[..., Result], runs: dict[str, Path], mistake: tuple[str, str]
) -> None:
    kind, argument = mistake
    result = ganworks("sample", f"run={runs[kind]}", *([argument] if argument else []))
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1, result.err
    for part in MISTAKES[mistake]:
        assert part in result.err


@beyond_classes
def test_evaluation_draws_the_conditions_of_the_data(
    ganworks: Callable[..., Result], runs: dict[str, Path], kind: str
) -> None:
    summary = json.loads((runs[kind] / "summary.json").read_text())
    result = ganworks("evaluate", f"run={runs[kind]}", "figures=true", "out=figures.json")
    assert result.code == 0, result.err
    figures = json.loads(Path("figures.json").read_text())
    assert figures["values"]["fd_digits"] == pytest.approx(summary["metrics"]["fd_digits"], rel=1e-4)
    pictures = {path.stem for path in (runs[kind] / "figures").iterdir()}
    assert {"interpolation", "directions", "embedding", "classes"} <= pictures


@beyond_classes
def test_measures_of_classes_are_refused_by_name(
    ganworks: Callable[..., Result], runs: dict[str, Path], roots: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    words = {"multi": "several classes at once", "vector": "vectors of numbers"}[kind]
    arguments = command(roots[kind], tmp_path / "run", "metric=[digits,digits_classes]")
    for result in (
        ganworks("train", *arguments),
        ganworks("evaluate", f"run={runs[kind]}", "metric=digits_classes"),
    ):
        assert result.code == 1
        assert "error: metric.measure.intra_fd_digits" in result.err
        assert f"one class a sample, and the labels of the data are {words}" in result.err
    assert not (tmp_path / "run").exists()


def test_run_of_vectors_resumes_to_the_bit(
    runs: dict[str, Path], roots: dict[str, Path], tmp_path: Path
) -> None:
    arguments = command(roots["vector"], tmp_path / "run", "metric.every_images=320", "trainer.max_steps=17")
    assert call("train", *arguments) == 0
    assert call("train", f"resume={tmp_path / 'run'}", "trainer.max_steps=-1") == 0
    whole, resumed = checkpoint(runs["vector"]), checkpoint(tmp_path / "run")
    for key in ("state_dict", "optimizer_states"):
        assert differences(whole[key], resumed[key]) == []


def test_run_of_an_earlier_state_keeps_the_order_of_its_class_folders(tmp_path: Path) -> None:
    images = digits_images()[0]
    (tmp_path / "root").mkdir()
    for number in range(12):
        write_images(tmp_path / "root" / str(number), images[4 * number : 4 * number + 4])
    run = tmp_path / "run"
    arguments = command(tmp_path / "root", run, "metric=none", "data.label_source=folders_as_text")
    assert call("train", *arguments, "trainer.max_steps=10") == 0
    config = OmegaConf.load(run / "config.yaml")
    for name in ("label", "label_source"):  # an earlier configuration does not have them
        del config.data[name]
    OmegaConf.save(config, run / "config.yaml")
    assert call("train", f"resume={run}", "trainer.max_steps=-1") == 0
    assert load_generator(run).config["classes"] == sorted(map(str, range(12)))
    (tmp_path / "new").mkdir()
    assert call("train", *command(tmp_path / "root", tmp_path / "new", "metric=none", "num_images=16")) == 0
    assert load_generator(tmp_path / "new").config["classes"] == [str(number) for number in range(12)]


def test_plan_says_what_the_labels_are(
    ganworks: Callable[..., Result], roots: dict[str, Path], tmp_path: Path
) -> None:
    for kind, words in (
        ("class", "10 classes"), ("multi", "3 classes, several at once"), ("vector", "labels of 2 numbers")
    ):  # fmt: skip
        result = ganworks("train", *command(roots[kind], tmp_path / "run", "dry_run=true"))
        assert result.code == 0, result.err
        assert words in " ".join(result.out.split())


def test_run_of_vectors_on_two_devices_sees_and_draws_the_same_labels(
    roots: dict[str, Path], tmp_path: Path
) -> None:
    arguments = command(roots["vector"], tmp_path / "run", "trainer.devices=2", "metric.num_samples=65")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)}
    run = subprocess.run([*TRAIN, *arguments], env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["num_devices"] == 2
    evaluated = call("evaluate", f"run={tmp_path / 'run'}", f"out={tmp_path / 'figures.json'}")
    assert evaluated == 0
    alone = json.loads((tmp_path / "figures.json").read_text())["values"]
    assert alone["fd_digits"] == pytest.approx(summary["metrics"]["fd_digits"], rel=1e-4)
