"""Video from the commands: it trains, shows its films, resumes to the bit, runs on two ranks, draws and is measured."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import Result, call
from ganworks import load_generator
from ganworks.picture import film
from pairs import TRAIN
from running import checkpoint, differences

EXPERIMENTS = ("moving_digits", "moving_digits_video3d", "moving_digits_mocogan")
COMMON = (
    "trainer=cpu",
    "data.batch_size=4",
    "data.num_clips=400",
    "metric.num_samples=128",
    "num_images=200",
)
COMMON += (
    "callback.sample_grid.num=20",
    "callback.checkpoint.every_images=100",
    "trainer.log_every_n_steps=10",
)
COMMON += ("metric.every_images=100",)
every_experiment = pytest.mark.parametrize("name", EXPERIMENTS)


def command(name: str, run_dir: Path, *others: str) -> list[str]:
    return [f"experiment={name}", *COMMON, f"hydra.run.dir={run_dir}", *others]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run of fifty steps of each experiment."""
    folder = tmp_path_factory.mktemp("video")
    for name in EXPERIMENTS:
        assert call("train", *command(name, folder / name)) == 0, name
    return {name: folder / name for name in EXPERIMENTS}


@every_experiment
def test_it_trains_fifty_steps_and_shows_a_film_and_an_animation(name: str, runs: dict[str, Path]) -> None:
    summary = json.loads((runs[name] / "summary.json").read_text())
    assert summary["status"] == "finished"
    with Image.open(runs[name] / "samples" / "000000000200.png") as strips:
        assert strips.width > 900  # legible
        assert strips.height > strips.width  # a strip of each of ten classes
    with Image.open(runs[name] / "samples" / "000000000200.gif") as animation:
        assert 2 <= animation.n_frames <= 8  # equal frames in a row are one that stays longer
    page = (runs[name] / "report.html").read_text()
    assert "data:image/gif;base64" in page
    assert "noise .3" in page


@every_experiment
def test_its_figures_have_a_floor_and_baselines(name: str, runs: dict[str, Path]) -> None:
    summary = json.loads((runs[name] / "summary.json").read_text())
    figures = {"fvd_digits", "precision", "recall", "fd_motion", "shape_constancy", "digit_recognised"}
    assert figures <= summary["metrics"].keys()
    assert summary["floor"]["fvd_digits"] < summary["metrics"]["fvd_digits"]
    assert list(summary["baselines"]) == ["frozen frames", "shuffled frames", "noise .3"]
    assert summary["best"]["metric"] == "fvd_digits"


@every_experiment
def test_it_resumes_to_the_bit(name: str, runs: dict[str, Path], tmp_path: Path) -> None:
    assert call("train", *command(name, tmp_path / "run", "trainer.max_steps=25")) == 0
    assert call("train", f"resume={tmp_path / 'run'}", "trainer.max_steps=-1") == 0
    whole, resumed = checkpoint(runs[name]), checkpoint(tmp_path / "run")
    assert differences(whole["state_dict"], resumed["state_dict"]) == []
    assert differences(whole["optimizer_states"], resumed["optimizer_states"]) == []


def test_it_runs_on_two_ranks(tmp_path: Path) -> None:
    arguments = command("moving_digits_mocogan", tmp_path / "run", "trainer.devices=2", "num_images=64")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run([*TRAIN, *arguments], env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["num_devices"] == 2


@every_experiment
def test_a_clip_is_a_function_of_its_seed(name: str, runs: dict[str, Path]) -> None:
    sampler = load_generator(runs[name])
    first, again, other = (sampler.sample(4, seed, label=3) for seed in (0, 0, 1))
    assert first.shape == (4, 1, 8, 16, 16)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.testing.assert_close(first, sampler.sample(4, 0, label=3, batch_size=2))


def test_clips_are_drawn_as_strips_animations_and_single_files(
    runs: dict[str, Path], ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    run = f"run={runs['moving_digits']}"
    for out in ("strips.png", "clips.gif", "folder"):
        result = ganworks("sample", run, "num=4", "label=7", f"out={tmp_path / out}")
        assert result.code == 0, result.err
    assert Image.open(tmp_path / "clips.gif").n_frames <= 8
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == [
        f"00000{i}.gif" for i in range(4)
    ]


def test_a_video_is_written_where_there_is_a_writer_and_refused_elsewhere(
    runs: dict[str, Path],
    ganworks: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ("sample", f"run={runs['moving_digits']}", "num=4", f"out={tmp_path / 'clips.mp4'}")
    if importlib.util.find_spec("av") is not None:
        import av

        assert ganworks(*arguments).code == 0
        with av.open(str(tmp_path / "clips.mp4")) as container:
            assert len(list(container.decode(video=0))) == 8
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    result = ganworks(*arguments)
    assert result.code == 1
    assert "ganworks[video]" in result.err
    with pytest.raises(Exception, match="PyAV"):
        film.check_video_writer()


def test_it_is_measured_again_beside_its_baselines(
    runs: dict[str, Path], ganworks: Callable[..., Result]
) -> None:
    result = ganworks("evaluate", f"run={runs['moving_digits_video3d']}")
    assert result.code == 0, result.err
    assert "frozen" in result.out


def test_the_share_of_recognised_digits_is_refused_for_an_unconditional_generator(
    ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    settings = command("moving_digits", tmp_path / "run", "model.conditional=false", "dry_run=true")
    result = ganworks("train", *settings)
    assert result.code == 1
    assert "digit_recognised" in result.err
    assert ganworks("train", *settings, "metric=moving_digits").code == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["data.resolution=20"], "a power of two from 8 up"),
        (["data.frames=1"], "data.frames=1"),
        (["model=mocogan", "data=digits"], "clips, such as data=moving_digits"),
    ],
)
def test_what_a_model_of_clips_cannot_make_is_an_error(
    settings: list[str], words: str, ganworks: Callable[..., Result]
) -> None:
    result = ganworks("train", "data=moving_digits", "metric=none", "dry_run=true", *settings)
    assert result.code == 1
    assert words in result.err


def test_a_users_clips_train_with_augmentation_and_other_files_stop_a_resume(
    ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    root = tmp_path / "clips"
    for number in range(6):
        folder = root / ("even", "odd")[number % 2] / f"clip{number}"
        folder.mkdir(parents=True)
        for t in range(6):
            Image.fromarray(np.full((20, 30, 3), 20 * number + t, np.uint8)).save(folder / f"{t:03d}.png")
    settings = [
        *(
            "data=clips",
            f"data.root={root}",
            f"paths.cache={tmp_path / 'cache'}",
            "data.frames=4",
            "metric=none",
        ),
        *("data.resolution=16", "model.width=4", "model.conditional=true", "augment=diffaugment"),
        *("data.batch_size=2", "num_images=8", "trainer=cpu", f"hydra.run.dir={tmp_path / 'run'}"),
    ]
    result = ganworks("train", *settings)
    assert result.code == 0, result.err
    assert load_generator(tmp_path / "run").config["classes"] == ["even", "odd"]
    (root / "odd" / "clip1" / "005.png").unlink()
    result = ganworks("train", f"resume={tmp_path / 'run'}", "num_images=16")
    assert result.code == 1
    assert "data.changed=error" in result.err
