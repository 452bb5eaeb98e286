"""sample.py by where samples come from: styles, mixtures, directions, and the latent that draws an image."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import weights_files
from ganworks import Sampler, load_generator
from ganworks.metric.extractor import lpips
from ganworks.metric.weights import file_sha256
from ganworks.model import StyleGAN2Generator
from ganworks.picture.directions import style_directions
from ganworks.picture.samples import to_uint8
from ganworks.sample.projection import CriticDistance, PerceptualDistance, project
from ganworks.sample.styles import draw_styles, make_from_styles, mixed
from pages import DOCS, blocks, commands

PAGE = DOCS / "latent_space.md"
SMALL = {
    "shape": [1, 16, 16],
    "latent_dim": 8,
    "w_dim": 8,
    "num_mapping": 2,
    "channel_base": 64,
    "channel_max": 8,
}


@pytest.fixture(scope="module")
def styled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small StyleGAN2 with random weights, a mean of w, and noise that shows."""
    torch.manual_seed(0)
    network = StyleGAN2Generator(**SMALL)
    network.w_mean.copy_(network.to_w(torch.randn(500, 8))[:, 0].mean(0))
    folder = tmp_path_factory.mktemp("styled") / "generator"
    Sampler(network, {"generator": {"_target_": "ganworks.model.StyleGAN2Generator", **SMALL}}).save(folder)
    return folder


def array(ganworks: Callable, *arguments: str) -> np.ndarray:
    result = ganworks("sample", *arguments, "out=array.npy")
    assert result.code == 0, result.err
    return np.load("array.npy")


def test_samples_by_their_styles_are_those_by_their_latents(ganworks: Callable, styled: Path) -> None:
    by_z, by_w = (
        array(ganworks, f"run={styled}", "num=6"),
        array(ganworks, f"run={styled}", "num=6", "space=w"),
    )
    assert np.allclose(by_z, by_w, atol=1e-5)


def test_truncation_in_w_moves_all_samples_to_that_of_the_mean(ganworks: Callable, styled: Path) -> None:
    settings = (f"run={styled}", "num=16", "space=w")
    spread = [array(ganworks, *settings, f"truncation={psi}").std(0).mean() for psi in (1, 0.5, 0)]
    assert spread[0] > 1.3 * spread[1] > 1.3 * spread[2]
    first = array(ganworks, *settings, "truncation=0.5", "cutoff=2")
    assert not np.allclose(first, array(ganworks, *settings, "truncation=0.5"))
    assert np.array_equal(array(ganworks, *settings, "truncation=1"), array(ganworks, *settings))


def test_a_mixing_grid_has_the_sources_on_its_diagonal(ganworks: Callable, styled: Path) -> None:
    grid = array(ganworks, f"run={styled}", "mix=3", "crossover=2")
    sources = array(ganworks, f"run={styled}", "num=3", "space=w")
    assert grid.shape == (9, 1, 16, 16)
    assert np.allclose(grid[[0, 4, 8]], sources, atol=1e-5)
    assert not np.allclose(grid[1], grid[0], atol=1e-3)
    sampler = load_generator(styled)
    styles = draw_styles(sampler, 3)
    pairs = mixed(styles, 2)
    assert torch.equal(pairs.ws[1, :2], styles.ws[0, :2])
    assert torch.equal(pairs.ws[1, 2:], styles.ws[1, 2:])


def test_an_interpolation_in_w_is_a_strip_or_a_film(ganworks: Callable, styled: Path) -> None:
    settings = (f"run={styled}", "interpolate=2", "num=5", "space=w")
    strips = array(ganworks, *settings)
    ends = array(ganworks, f"run={styled}", "num=4", "space=w")
    assert strips.shape == (10, 1, 16, 16)
    assert np.allclose(strips[0], ends[0], atol=1e-5)
    result = ganworks("sample", *settings, "out=walk.gif")
    assert result.code == 0, result.err
    film = Image.open("walk.gif")
    assert film.n_frames == 5
    assert ganworks("sample", f"run={styled}", "interpolate=2", "num=4", "out=z.gif").code == 0


def test_a_walk_is_played_as_a_video_where_a_writer_is_installed(ganworks: Callable, styled: Path) -> None:
    av = pytest.importorskip("av", reason="ganworks[video] is not installed")
    settings = (f"run={styled}", "interpolate=2", "num=5", "space=w")
    for out in ("walk.mp4", "walk.gif"):
        result = ganworks("sample", *settings, f"out={out}")
        assert result.code == 0, result.err
    with av.open("walk.mp4") as container:
        video = [frame.to_ndarray(format="rgb24").astype(float) for frame in container.decode(video=0)]
        assert float(container.streams.video[0].average_rate) == 8
    gif = Image.open("walk.gif")
    height, width = video[0].shape[:2]
    for number, frame in enumerate(video):
        gif.seek(number)
        expected = np.asarray(gif.convert("RGB"), float)[:height, :width]
        assert np.abs(frame - expected).mean() < 8  # of 255: both lose a little
    assert len(video) == gif.n_frames == 5
    assert np.abs(video[0] - video[-1]).mean() > 8  # control: the walk leads somewhere


def test_a_walk_as_a_video_is_refused_before_the_generator_is_read_where_no_writer_is_installed(
    ganworks: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    result = ganworks("sample", "run=nowhere", "interpolate=2", "num=5", "out=walk.mp4")
    assert result.code == 1
    assert "pip install 'ganworks[video]', or take .gif" in result.err


def test_directions_of_w_are_those_that_change_the_styles_most(ganworks: Callable, styled: Path) -> None:
    strips = array(ganworks, f"run={styled}", "directions=2", "num=5", "strength=2")
    assert strips.shape == (10, 1, 16, 16)
    assert np.allclose(strips[2], array(ganworks, f"run={styled}", "num=1", "space=w")[0], atol=1e-5)
    generator = load_generator(styled).generator
    found = style_directions(generator, 8)
    affines = [m.affine.weight.double() * m.affine.gain for m in generator.modules() if hasattr(m, "affine")]
    change = [sum((a @ v).square().sum().item() for a in affines) for v in found.vectors]
    assert sorted(change, reverse=True) == pytest.approx(change)
    random = torch.nn.functional.normalize(torch.randn(100, 8, dtype=torch.float64), dim=1)
    assert max(sum((a @ v).square().sum().item() for a in affines) for v in random) <= change[0] + 1e-9


def test_a_projection_finds_the_latent_of_an_image_and_draws_it_again(
    ganworks: Callable, styled: Path, tmp_path: Path
) -> None:
    target = load_generator(styled).sample(3, seed=7)[2, 0]
    Image.fromarray(to_uint8(target).numpy()).save("target.png")
    for space in ("w", "w+", "z"):
        out = f"found_{space}"
        result = ganworks(
            "sample", f"run={styled}", "project=target.png", f"space={space}", "steps=60", f"out={out}"
        )
        assert result.code == 0, result.err
        first, last = result.out.split("distance ")[1].split(" (")[0].split(" -> ")
        assert float(last) < (0.7 if space != "z" else 0.98) * float(first)
        assert (Path(out) / "projection.png").is_file()
        again = array(ganworks, f"run={styled}", f"latent={out}/latent.safetensors")
        assert again.shape == (1, 1, 16, 16)


def test_a_projection_into_more_styles_is_nearer_and_a_critics_features_count(styled: Path) -> None:
    sampler = load_generator(styled)
    with torch.no_grad():
        target = next(iter(make_from_styles(sampler, mixed(draw_styles(sampler, 2, seed=3), 3)))).clone()[1:2]
    pixels = CriticDistance(None)
    found = {space: project(sampler, target, pixels, space, 80) for space in ("w", "w+")}
    assert found["w+"].distance < found["w"].distance
    assert found["w"].latent["w"].shape == (1, sampler.generator.num_ws, 8)
    critic = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.LeakyReLU(), torch.nn.Conv2d(4, 2, 3))
    both = CriticDistance(critic)
    assert both(target, target).item() == pytest.approx(0, abs=1e-9)
    assert both(target, -target).item() > pixels(target, -target).item()


def test_what_the_page_says_works(ganworks: Callable, styled: Path) -> None:
    Image.fromarray(np.full((20, 24), 90, np.uint8)).save("face.png")
    calls = [arguments for _, arguments in commands("sample", PAGE)]
    assert len(calls) == 9
    for arguments in calls:
        given = [re.sub("steps=.*", "steps=2", a).replace("STYLEGAN", str(styled)) for a in arguments]
        result = ganworks(
            "sample", *(a.replace("IMAGE", "face.png").replace("num=30", "num=3") for a in given)
        )
        assert result.code == 0, result.err
        assert Path(next(a[4:] for a in given if a.startswith("out="))).exists()
    (program,) = blocks(PAGE, "python")
    names: dict[str, object] = {}
    exec(program.replace("STYLEGAN", str(styled)), names)
    shapes = [tuple(names[name].shape)[:-3] for name in ("images", "grid", "walks", "strips")]  # type: ignore[attr-defined]
    assert shapes == [(4,), (16,), (10,), (3, 7)]


def test_a_conditional_stylegan_is_drawn_by_its_classes_in_both_spaces(
    ganworks: Callable, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    config = {**SMALL, "num_classes": 3}
    network = StyleGAN2Generator(**config)
    target = {"generator": {"_target_": "ganworks.model.StyleGAN2Generator", **config}}
    Sampler(network, target).save(tmp_path / "classes")
    settings = (f"run={tmp_path / 'classes'}", "num=2")
    first, second = (array(ganworks, *settings, "space=w", f"label={label}") for label in (0, 2))
    assert not np.allclose(first, second, atol=1e-3)
    assert np.allclose(first, array(ganworks, *settings, "label=0"), atol=1e-5)
    assert array(ganworks, *settings, "directions=1", "label=2").shape[0] == 2
    assert array(ganworks, settings[0], "mix=2", "label=1").shape[0] == 4
    result = ganworks("sample", *settings, "space=w", "label=3")
    assert result.code == 1
    assert "label=3" in result.err


MISTAKES = {
    "no styles": (["run={run}", "space=w"], ["space=w", "DCGANGenerator", "model=stylegan2"]),
    "no styles to mix": (["run={run}", "mix=2"], ["mix=2", "no styles"]),
    "unknown space": (["run={styled}", "space=ww"], ["space=ww", "z, w, w+"]),
    "w+ without an image": (["run={styled}", "space=w+"], ["space=w+", "project=IMAGE"]),
    "two pictures": (["run={styled}", "mix=2", "directions=2"], ["directions=2", "mix="]),
    "a crossover of nothing": (["run={styled}", "space=w", "crossover=2"], ["crossover=2", "mix="]),
    "a crossover too far": (["run={styled}", "mix=2", "crossover=9"], ["crossover=9", "1"]),
    "no image": (["run={styled}", "project=nowhere.png"], ["project=nowhere.png", "exists"]),
    "no latent": (["run={styled}", "latent=nowhere.safetensors"], ["latent=nowhere.safetensors", "project="]),
    "a cutoff of latents": (["run={styled}", "truncation=.7", "cutoff=2"], ["cutoff=2", "space=w"]),
    "a mix of a projection": (["run={styled}", "mix=2", "project=x.png"], ["project=x.png", "mix="]),
    "no steps": (["run={styled}", "project=x.png", "steps=0"], ["steps=0", "1"]),
    "no rate": (["run={styled}", "project=x.png", "rate=0"], ["rate=0"]),
    "truncated directions": (
        ["run={styled}", "directions=2", "truncation=.7"],
        ["truncation=0.7", "directions="],
    ),
    "a strange psi": (["run={styled}", "space=w", "truncation=9"], ["truncation=9"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_name_the_setting_and_what_is_allowed(
    ganworks: Callable, styled: Path, trained_run: Path, mistake: str
) -> None:
    arguments, words = MISTAKES[mistake]
    result = ganworks("sample", *(each.format(run=trained_run, styled=styled) for each in arguments))
    assert result.code == 1
    for word in words:
        assert word in result.err


def test_a_run_projects_by_its_discriminators_features(ganworks: Callable, trained_run: Path) -> None:
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save("gray.png")
    result = ganworks("sample", f"run={trained_run}", "project=gray.png", "space=z", "steps=5", "label=3")
    assert result.code == 0, result.err
    assert "discriminator's features" in result.out
    assert Path("projected/latent.safetensors").is_file()


@pytest.fixture
def vgg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """VGG's place, with a file of random weights whose hash is the one that is asked for."""
    path = tmp_path / "hub" / "checkpoints" / lpips.VGG16.file_name
    path.parent.mkdir(parents=True)
    weights_files.save_vgg16(path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(lpips, "VGG16", dataclasses.replace(lpips.VGG16, sha256=file_sha256(path)))
    return path


def test_a_projection_goes_by_lpips_where_its_weights_are(
    ganworks: Callable, styled: Path, vgg: Path
) -> None:
    assert lpips.VGG16.path == vgg
    Image.fromarray(np.full((40, 30), 90, np.uint8)).save("gray.png")
    settings = (f"run={styled}", "project=gray.png", "space=w+", "steps=3", "out=found")
    result = ganworks("sample", *settings)
    assert result.code == 0, result.err
    assert "(LPIPS and pixels)" in result.out
    assert array(ganworks, f"run={styled}", "latent=found/latent.safetensors").shape == (1, 1, 16, 16)
    perceptual = lpips.Lpips(device="cpu")
    image = torch.full(
        (1, 1, 16, 16), -1.0, requires_grad=True
    )  # flat: features of length 0 have no direction
    PerceptualDistance(perceptual.between)(image, torch.rand(1, 1, 16, 16)).sum().backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()
    assert image.grad.any()


def test_large_images_are_compared_at_256_pixels() -> None:
    seen: list[torch.Size] = []

    def distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        seen.extend((x.shape, y.shape))
        return (x - y).flatten(1).mean(1)

    PerceptualDistance(distance)(torch.zeros(1, 1, 512, 256), torch.zeros(1, 1, 512, 256))
    assert seen == [(1, 1, 256, 128)] * 2
