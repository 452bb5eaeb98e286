"""`python -m ganworks.augmentation` end to end on digits and on a user's folder, and what it refuses before work."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from conftest import Result
from ganworks.augmentation import __main__ as command
from ganworks.augmentation.lines import BOTH, CLASSIC, CONTROL, LINES
from ganworks.data import Folder
from running import train

TINY = ("seeds=2", "num_updates=3", "fakes=6", "filter=none", "num_images=3200", "model.width=8")
TINY += ("trainer=cpu", "callback.sample_grid.num=4")


@pytest.fixture
def augment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    """Return a function that runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["augmentation", *arguments])
        capsys.readouterr()
        try:
            command.main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Result(code, *capsys.readouterr())

    return run


def user_folder(root: Path, num: int = 20, side: int = 16, key: int = 0) -> Path:
    """Write two classes of colour images: bright ones and dark ones, with noise."""
    rng = torch.Generator().manual_seed(key)
    for name, level in (("bright", 180), ("dark", 60)):
        (root / name).mkdir(parents=True)
        for index in range(num):
            pixels = level + torch.randint(-40, 40, (side, side, 3), generator=rng)
            Image.fromarray(pixels.to(torch.uint8).numpy()).save(root / name / f"{index:03d}.png")
    return root


def test_digits_from_the_labels_to_the_verdict(augment: Callable[..., Result], tmp_path: Path) -> None:
    result = augment("data=digits_imbalanced", "out=more", *TINY)
    assert result.code == 0, result.err
    assert CONTROL.split(" (")[0] in result.out
    assert "small classes: the GAN" in result.out
    figures = json.loads((tmp_path / "more.json").read_text())
    assert list(figures["lines"]) == list(LINES)
    cell = figures["lines"][BOTH]["small classes"]
    assert len(cell["by_seed"]) == 2
    assert cell["mean"] == pytest.approx(sum(cell["by_seed"]) / 2)
    gain = cell[f"minus_{CLASSIC}"]["mean"]
    assert gain == pytest.approx(cell["mean"] - figures["lines"][CLASSIC]["small classes"]["mean"])
    assert sorted(figures["labelled"].values()) == [5] * 5 + [80] * 5
    assert figures["num_tested"] == 901
    assert Image.open(tmp_path / "more.png").size[0] > 1000
    small = figures["small"]
    written = {
        path.name: sorted(file.name for file in path.iterdir()) for path in (tmp_path / "more").iterdir()
    }
    assert len(written) == 10
    for name, files in written.items():
        fakes = [file for file in files if file.startswith("fake_")]
        assert len(fakes) == (6 if name in small else 0)
        assert len(files) - len(fakes) == (5 if name in small else 80)


def test_a_users_folder_of_classes_is_augmented_and_read_again(
    augment: Callable[..., Result], tmp_path: Path
) -> None:
    user_folder(tmp_path / "mine")
    folder = (
        "data=folder",
        "data.root=mine",
        "data.resolution=16",
        "data.batch_size=16",
        "paths.cache=cache",
    )
    result = augment(*folder, "per_class=8", "out=more", *TINY)
    assert result.code == 0, result.err
    figures = json.loads((tmp_path / "more.json").read_text())
    assert figures["labelled"] == {"bright": 8, "dark": 8}
    assert figures["num_tested"] == 24
    assert len(list((tmp_path / "more" / "dark").glob("real_*.png"))) == 8
    again = Folder(
        tmp_path / "more", resolution=16, channels=3, cache=tmp_path / "cache", label_source="folders"
    )
    assert len(again.samples) == 2 * (8 + 6)
    assert list(again.classes) == ["bright", "dark"]
    runs = list((tmp_path / "runs" / "few_labels").glob("*/seed_*/generator/model.safetensors"))
    assert len(runs) == 2  # a GAN a seed, each a run that sample.py takes


def test_held_out_images_may_come_from_a_folder_of_their_own(
    augment: Callable[..., Result], tmp_path: Path
) -> None:
    user_folder(tmp_path / "mine")
    user_folder(tmp_path / "others", num=7, key=1)
    folder = (
        "data=folder",
        "data.root=mine",
        "data.resolution=16",
        "data.batch_size=16",
        "paths.cache=cache",
    )
    result = augment(*folder, "test=others", "out=more", *TINY)
    assert result.code == 0, result.err
    figures = json.loads((tmp_path / "more.json").read_text())
    assert (figures["num_tested"], figures["labelled"]) == (14, {"bright": 20, "dark": 20})


def test_a_conditional_run_is_measured_by_each_filter(augment: Callable[..., Result], tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(run, "experiment=digits_imbalanced", "num_images=640").status == "finished"
    for keep, num in (("none", 8 * 5), ("discriminator", 4 * 5)):
        result = augment(f"run={run}", "seeds=2", "num_updates=3", "fakes=8", f"filter={keep}", f"out={keep}")
        assert result.code == 0, result.err
        assert len(list((tmp_path / keep).glob("*/fake_*.png"))) == num
        assert "this one GAN" in result.out
    result = augment(f"run={run}", "held_out=0.5", "out=other")
    assert "held_out=0.5: must be left out beside run=" in result.err
    shutil.rmtree(run / "checkpoints")
    result = augment(f"run={run}", "filter=discriminator", "out=other")
    assert "filter=discriminator: must be classifier or none" in result.err
    assert not (tmp_path / "other").exists()


def test_folders_that_mix_what_is_trained_measured_and_written_are_refused(
    augment: Callable[..., Result], tmp_path: Path
) -> None:
    user_folder(tmp_path / "mine")
    user_folder(tmp_path / "apart", num=7, key=1)
    (tmp_path / "plain").mkdir()
    Image.new("RGB", (16, 16)).save(tmp_path / "plain" / "x.png")
    folder = (
        "data=folder",
        "data.root=mine",
        "data.resolution=16",
        "data.batch_size=16",
        "paths.cache=cache",
    )
    for arguments, message in (
        (("test=mine",), "test="),
        (("test=mine/dark",), "must be a folder apart from"),
        (("test=.",), "must be a folder apart from"),
        (("out=mine/more",), "out=mine/more: must be a folder outside of mine"),
        (("test=apart", "out=apart/more"), "out=apart/more: must be a folder outside of"),
        (("test=plain",), "test=folder: must be data with one class a sample"),
        (
            ("filter=discriminator", "~callback.checkpoint"),
            "filter=discriminator: must be classifier or none",
        ),
    ):
        result = augment(*folder, *arguments, *(text for text in TINY if not text.startswith("filter")))
        assert result.code == 1, arguments
        assert message in result.err, result.err
        assert "Traceback" not in result.err
    assert not (tmp_path / "runs").exists()


def test_a_run_whose_folder_has_changed_is_refused(augment: Callable[..., Result], tmp_path: Path) -> None:
    user_folder(tmp_path / "mine")
    folder = (
        "data=folder",
        "data.root=mine",
        "data.resolution=16",
        "data.batch_size=16",
        "paths.cache=cache",
    )
    assert augment(*folder, "per_class=8", "out=more", *TINY).code == 0
    run = next((tmp_path / "runs" / "few_labels").glob("*/seed_0"))
    tiny = ("seeds=2", "num_updates=3", "fakes=6", "filter=none")
    assert augment(f"run={run}", "out=again", *tiny).code == 0
    (tmp_path / "mine" / "dark" / "000.png").rename(tmp_path / "mine" / "dark" / "x.png")
    result = augment(f"run={run}", "out=changed", *tiny)
    assert "the data are others than" in result.err
    assert not (tmp_path / "changed").exists()


def test_a_run_that_holds_nothing_out_or_draws_no_classes_is_refused(
    augment: Callable[..., Result], tmp_path: Path
) -> None:
    train(tmp_path / "plain", "data=digits", "num_images=128")
    result = augment("run=plain")
    assert "must be a conditional run" in result.err
    train(tmp_path / "all", "data=digits", "model.conditional=true", "num_images=128")
    result = augment("run=all")
    assert result.code == 1
    assert "hold images out" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("filter=classifer",), "Did you mean 'classifier'"),
        (("seeds=1",), "seeds=1: must be an integer from 2 up"),
        (("ratio=1.5",), "ratio=1.5"),
        (("out=full",), "out=full: must be a new folder or an empty one"),
        (("out=x.png",), "out=x.png: must be a folder"),
        (("per_class=500",), "per_class=500: must be 1 to"),
        (("run=nothing",), "run=nothing"),
        (("run=nothing", "model.width=8"), "left out beside run="),
        (("data=ring",), "images with one class each"),
        (("data=digits_few", "data.per_clas=3"), "per_clas"),
        (("data=folder", "data.root=nowhere"), "nowhere"),
        (("seed=3",), "seeds= says how many"),
        (("per_clas=3",), "Did you mean 'per_class'"),
        (("trainer.devices=2",), "trainer.devices=2: must be 1"),
    ],
)
def test_what_cannot_be_is_an_error_before_any_work(
    arguments: tuple[str, ...], message: str, augment: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    data = () if any(a.startswith(("data=", "run=")) for a in arguments) else ("data=digits_few",)
    result = augment(*data, *arguments)
    assert result.code == 1
    assert message in result.err
    assert "Traceback" not in result.err
    assert not (tmp_path / "runs").exists()
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_help_names_every_setting(augment: Callable[..., Result]) -> None:
    result = augment("--help")
    assert result.code == 0
    names: Any = command.Arguments.__dataclass_fields__
    assert all(f"{name}=" in result.out for name in names)
