"""sample.py input=: images of any size through a run that translates."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from torch import nn

from conftest import call
from ganworks import load_generator
from ganworks.model import ResnetTranslator
from ganworks.sample.sampler import Sampler
from ganworks.sample.translate import Images, larger, translate

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


def contents(folder: Path) -> dict[Path, bytes]:
    """Return the files under a folder and what is in them."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("out", ["images", "images/sub", "images/sub/deeper", "link", "link/sub", "."])
def test_no_translation_takes_the_place_of_an_image(
    out: str, run: Path, images: Path, ganworks: Callable
) -> None:
    (images.parent / "link").symlink_to(images)
    before = contents(images)
    given = images if out != "." else images / "sub"  # `sub` again in `sub`: its images go where others are
    (images / "sub" / "sub").mkdir()
    shutil.copy(images / "sub" / "tall.png", images / "sub" / "sub" / "tall.png")
    result = ganworks(
        "sample", f"run={run}", f"input={given}", f"out={images.parent / out if out != '.' else images}"
    )
    assert result.code == 1
    assert "out=" in result.err
    assert {path: contents(images)[path] for path in before} == before


def test_links_to_images_are_not_written_through(run: Path, images: Path, ganworks: Callable) -> None:
    before, made = contents(images), images.parent / "made"
    made.mkdir()
    (made / "square.png").symlink_to(images / "square.png")
    result = ganworks("sample", f"run={run}", f"input={images}", f"out={made}")
    assert result.code == 1
    assert "square.png is the image square.png, which would be overwritten" in result.err
    assert contents(images) == before


def test_a_file_keeps_the_letters_of_its_suffix(run: Path, images: Path, ganworks: Callable) -> None:
    before = contents(images)
    assert (
        ganworks("sample", f"run={run}", f"input={images / 'square.png'}", f"out={images}/square.PNG").code
        == 0
    )
    assert {path: contents(images)[path] for path in before} == before
    assert Image.open(images / "square.PNG").size == (16, 16)
    result = ganworks("sample", f"run={run}", f"input={images / 'square.png'}", f"out={images}/square.png")
    assert (result.code, contents(images)[images / "square.png"]) == (1, before[images / "square.png"])


def test_the_home_folder_is_found_in_both_places(
    run: Path, images: Path, ganworks: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(images.parent))
    before = contents(images)
    for arguments in (
        ("input=~/images", "out=~/images"),
        ("input=~/images/square.png", "out=~/images/square.png"),
    ):
        result = ganworks("sample", f"run={run}", *arguments)
        assert (result.code, contents(images)) == (1, before)
    assert ganworks("sample", f"run={run}", "input=~/images", "out=~/made").code == 0
    assert len(contents(images.parent / "made")) == 3
    assert not Path("~").exists()


def test_the_name_of_the_default_can_be_asked_for(run: Path, images: Path, ganworks: Callable) -> None:
    result = ganworks("sample", f"run={run}", f"input={images / 'square.png'}", "out=samples.png")
    assert result.code == 0, result.err
    assert [path.name for path in Path().iterdir()] == ["samples.png"]
    result = ganworks("sample", f"run={run}", f"input={images}", "out=samples.png")
    assert (result.code, "out=samples.png: must be a folder" in result.err) == (1, True)


def test_images_of_16_bits_are_read_by_a_range_that_can_be_said(
    run: Path, images: Path, ganworks: Callable
) -> None:
    ramp = np.linspace(0, 4000, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(ramp).save(images.parent / "deep.png")
    Image.fromarray((ramp / 4095 * 255).round().astype(np.uint8)).save(images.parent / "plain.png")
    deep = ganworks("sample", f"run={run}", f"input={images.parent / 'deep.png'}", "out=a.png")
    assert "deep.png cannot be read: its values are 0..4000" in deep.err
    settings = (f"input={images.parent / 'deep.png'}", "out=a.png", "value_range=0,4095")
    assert ganworks("sample", f"run={run}", *settings).code == 0
    assert ganworks("sample", f"run={run}", f"input={images.parent / 'plain.png'}", "out=b.png").code == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    wrong = ganworks("sample", f"run={run}", *settings[:2], "value_range=white")
    assert "value_range=white: must be dtype, or low,high" in wrong.err


def test_a_batch_of_large_images_is_small() -> None:
    images = Images(
        Path(), [str(n) for n in range(40)], [(400, 400)] * 20 + [(2000, 2000)] * 2 + [(8, 8)] * 18
    )
    assert [len(names) for names in images.batches(16)] == [1] * 22 + [16, 2]
    assert [len(names) for names in images.batches(16, enlarge=32)] == [1] * 22 + [4] * 4 + [2]


class Small(nn.Module):
    """A translator with padding by reflection and a norm, which tiny images are too small for."""

    conditions, shape, source_channels = ("source",), (1, 16, 16), 1

    def __init__(self) -> None:
        super().__init__()
        self.network = ResnetTranslator((1, 16, 16), width=2, num_down=2, num_blocks=1, kernel_size=3)

    def forward(self, source: torch.Tensor) -> torch.Tensor:
        return self.network(source)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (4, 4), (3, 40), (9, 5)])
def test_tiny_images_are_continued_until_the_translator_takes_them(
    size: tuple[int, int], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    pixels = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "tiny.png")
    network = Small()
    (_, made), *_ = translate(Sampler(network, {}), Images.find(tmp_path))
    assert made.shape == (1, *size)
    source = torch.from_numpy(pixels).float()[None, None] / 127.5 - 1
    down, right = (max(0, 8 - side) for side in size)
    margins = (right // 2, right - right // 2, down // 2, down - down // 2)
    expected = network(torch.nn.functional.pad(source, margins, mode="replicate"))
    rows, columns = (slice(start, start + side) for start, side in zip(margins[2::-2], size, strict=True))
    torch.testing.assert_close(made, expected[0, :, rows, columns])


def test_images_of_more_than_8_bits_are_read_as_in_the_training(tmp_path: Path, ganworks: Callable) -> None:
    for name in ("data/A", "data/B", "8_bits"):
        (tmp_path / name).mkdir(parents=True)
    values = np.linspace(0, 4000, 64).astype(np.uint16).reshape(8, 8)
    for number in range(4):
        for side in "AB":
            Image.fromarray(np.where(values > 100, values - 9 * number, values).astype(np.uint16)).save(
                tmp_path / "data" / side / f"{number}.png"
            )
        pixels = np.asarray(Image.open(tmp_path / "data" / "A" / f"{number}.png"))
        Image.fromarray((pixels / 4095 * 255).round().astype(np.uint8)).save(
            tmp_path / "8_bits" / f"{number}.png"
        )
    settings = ["data=pairs", f"data.root={tmp_path / 'data'}", "data.resolution=8", "data.channels=1"]
    others = [
        "task=paired",
        "model=residual_unet",
        "model.width=4",
        "metric=none",
        "num_images=8",
        "trainer=cpu",
    ]
    cache = f"data.cache={tmp_path / 'cache'}"
    assert call("train", *settings, *others, cache, f"hydra.run.dir={tmp_path / 'run'}") == 0
    assert OmegaConf.load(tmp_path / "run" / "config.yaml").data.value_range == [0, 4095]
    for place in (tmp_path / "run", tmp_path / "run" / "generator"):
        for folder in ("data/A", "8_bits"):
            result = ganworks("sample", f"run={place}", f"input={tmp_path / folder}", f"out=made/{folder}")
            assert result.code == 0, result.err
        for number in range(4):
            first, second = (
                Path("made", folder, f"{number}.png").read_bytes() for folder in ("data/A", "8_bits")
            )
            assert first == second
