"""sample.py input=: images of any size through a run that translates."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import call
from ganworks import load_generator
from ganworks.sample.translate import larger

SIZES = {"square.png": (8, 8), "wide.jpg": (5, 13), "sub/tall.png": (20, 3)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run of super-resolution; not to be changed."""
    run_dir = tmp_path_factory.mktemp("superres") / "run"
    settings = ["experiment=digits_superres", "metric=none", "model.width=4", "num_images=128", "trainer=cpu"]
    assert call("train", *settings, "callback.sample_grid.num=4", f"hydra.run.dir={run_dir}") == 0
    return run_dir


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of images of several sizes and modes."""
    for name, (height, width) in SIZES.items():
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        colours = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(colours if "wide" in name else colours[..., 0]).save(path)
    return tmp_path / "images"


def test_every_image_is_translated_under_its_name_and_at_its_size(
    run: Path, images: Path, ganworks: Callable
) -> None:
    result = ganworks("sample", f"run={run}", f"input={images}", "out=made", "enlarge=1")
    assert result.code == 0, result.err
    assert "3 images translated in made" in result.out
    for name, (height, width) in SIZES.items():
        assert Image.open(Path("made", name).with_suffix(".png")).size == (width, height)
    source = torch.from_numpy(np.array(Image.open(images / "square.png"))).float()[None, None] / 127.5 - 1
    expected = load_generator(run).sample(1, conditions={"source": source})[0, 0]
    pixels = np.asarray(Image.open("made/square.png").convert("L"), dtype=np.float32)
    assert np.abs(pixels / 127.5 - 1 - expected.numpy()).max() <= 0.5 / 127.5 + 1e-6


def test_super_resolution_enlarges_as_in_its_training(run: Path, images: Path, ganworks: Callable) -> None:
    assert ganworks("sample", f"run={run}", f"input={images}").code == 0
    assert Image.open("translated/wide.png").size == (26, 10)
    assert larger(torch.zeros(1, 1, 2, 3), 4).shape == (1, 1, 8, 12)


def test_batches_and_one_by_one_are_the_same(run: Path, images: Path, ganworks: Callable) -> None:
    for number in range(3):
        shutil.copy(images / "square.png", images / f"{number}.png")
    for out, size in (("many", 16), ("single", 1)):
        assert (
            ganworks("sample", f"run={run}", f"input={images}", f"out={out}", f"batch_size={size}").code == 0
        )
    for path in Path("many").rglob("*.png"):
        assert np.array_equal(
            np.asarray(Image.open(path)), np.asarray(Image.open(Path("single", *path.parts[1:])))
        )


def test_one_image_is_written_to_one_file(run: Path, images: Path, ganworks: Callable) -> None:
    result = ganworks("sample", f"run={run}", f"input={images / 'wide.jpg'}", "out=one.png")
    assert result.code == 0, result.err
    assert "1 image translated in one.png" in result.out
    assert Image.open("one.png").size == (26, 10)


def test_without_input_a_translator_gets_sources_of_its_own_data(run: Path, ganworks: Callable) -> None:
    assert ganworks("sample", f"run={run}", "num=5", "out=drawn.npy").code == 0
    first = np.load("drawn.npy")
    assert ganworks("sample", f"run={run}", "num=5", "seed=1", "out=drawn.npy").code == 0
    assert first.shape == (5, 1, 8, 8)
    assert not np.array_equal(first, np.load("drawn.npy"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["num=3"], "num=3: must be left out with input="),
        (["interpolate=2"], "interpolate=2: must be left out with input="),
        (["truncation=0.5"], "truncation=0.5: must be left out with input="),
        (["enlarge=0"], "enlarge=0: must be an integer from 1 up"),
        (["out=grid.png"], "out=grid.png: must be a folder"),
        (["out=made.npy"], "out=made.npy: must be a folder"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    arguments: list[str], words: str, run: Path, images: Path, ganworks: Callable
) -> None:
    result = ganworks("sample", f"run={run}", f"input={images}", *arguments)
    assert (result.code, list(Path().iterdir())) == (1, [])
    assert words in result.err


def test_what_is_no_image_is_named(run: Path, images: Path, ganworks: Callable) -> None:
    def error(*arguments: str) -> str:
        result = ganworks("sample", f"run={run}", *arguments)
        assert (result.code, list(Path().iterdir())) == (1, [])
        return result.err

    assert "Did you mean" in error(f"input={images}s")
    (images / "broken.png").write_bytes(b"no image")
    assert "broken.png cannot be read: cannot identify image file" in error(f"input={images}")
    (images / "broken.png").unlink()
    shutil.copy(images / "wide.jpg", images / "square.jpg")
    assert "square.jpg and square.png do not" in error(f"input={images}")
    (images.parent / "empty").mkdir()
    assert "it is empty" in error(f"input={images.parent / 'empty'}")
    assert "must be another folder" in error(f"input={images / 'sub'}", f"out={images / 'sub'}")
    assert "enlarge=2: must be left out without input=" in error("enlarge=2")


def test_a_run_that_draws_from_noise_is_refused(trained_run: Path, images: Path, ganworks: Callable) -> None:
    result = ganworks("sample", f"run={trained_run}", f"input={images}")
    assert result.code == 1
    assert "input=given: must be left out: this run does not translate" in result.err
