"""evaluate.py: folders of images and files of statistics on either side."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganworks.picture.figures as figures_module
import weights_files
from digit_files import write_images
from ganworks.metric import (
    DigitsExtractor,
    FeatureCache,
    digits_images,
    frechet_distance,
    load_digits_classifier,
)
from ganworks.metric.extractor import Inception
from ganworks.metric.weights import file_sha256
from ganworks.picture import to_uint8

DIGITS = ("metric=digits", "channels=1")


def figures(path: str = "figures.json") -> dict:
    return json.loads(Path(path).read_text())


@pytest.fixture(scope="module")
def inception(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    path = weights_files.save_inception(tmp_path_factory.mktemp("inception") / "weights.pth")
    settings = {"weights": path, "sha256": file_sha256(path), "device": "cpu"}
    return tuple(f"metric.extractor.inception.{name}={value}" for name, value in settings.items())


def features_of(folder: Path) -> torch.Tensor:
    """Features of a folder of digits, read with nothing of ours but the classifier."""
    pixels = [np.asarray(Image.open(path)) for path in sorted(folder.iterdir())]
    return load_digits_classifier().features(torch.from_numpy(np.stack(pixels)).float()[:, None] / 127.5 - 1)


def test_generator_from_elsewhere_is_held_against_images_that_are_named(
    ganworks: Callable, trained_run: Path, folders: tuple[Path, Path]
) -> None:
    shutil.copytree(trained_run / "generator", "elsewhere")
    measured = ("metric=digits", "metric.num_samples=64", "out=figures.json")
    result = ganworks("evaluate", "run=elsewhere", f"real={folders[0]}", *measured)
    assert result.code == 0, result.err
    assert figures()["contract"]["num_real"] == 201
    assert figures()["contract"]["split"].startswith("real ")


def test_statistics_of_folders_have_the_distance_of_the_folders(
    ganworks: Callable, folders: tuple[Path, Path]
) -> None:
    real, fake = folders
    saving = ("save_real=saved/real.npz", "save_fake=saved/fake.npz", "out=figures.json")
    result = ganworks("evaluate", f"real={real}", f"fake={fake}", *DIGITS, *saving)
    assert result.code == 0, result.err
    distance, split = figures()["values"]["fd_digits"], figures()["contract"]["split"]
    moments = [(x.double().mean(0), x.double().T.cov()) for x in map(features_of, folders)]
    assert distance == pytest.approx(frechet_distance(*moments[0], *moments[1]), rel=1e-4)
    for sides in (
        ("real=saved/real.npz", f"fake={fake}"),
        (f"real={real}", "fake=saved/fake.npz"),
        ("real=saved/real.npz", "fake=saved/fake.npz"),
    ):
        result = ganworks("evaluate", *sides, *DIGITS, "out=figures.json")
        assert result.code == 0, result.err
        assert figures()["values"] == {"fd_digits": pytest.approx(distance, rel=1e-6)}
        contract = figures()["contract"]
        assert (contract["num_real"], contract["num_fake"], contract["split"]) == (201, 121, split)
        assert contract["extractor"]["digits"]["extractor"] == "ganworks digits classifier"
        assert "Left out" in result.out
        assert "precision" in result.out


def test_statistics_of_others_say_what_they_do_not_say(
    ganworks: Callable, trained_run: Path, folders: tuple[Path, Path]
) -> None:
    features = features_of(folders[0]).double().numpy()
    np.savez("pytorch_fid.npz", mu=features.mean(0), sigma=np.cov(features, rowvar=False))
    sums = {"raw_mean": features.sum(0), "raw_cov": features.T @ features, "num_items": len(features)}
    np.savez("stylegan.npz", **sums)
    found = {}
    for name in ("pytorch_fid", "stylegan"):
        result = ganworks("evaluate", f"run={trained_run}", f"real={name}.npz", "out=figures.json")
        assert result.code == 0, result.err
        found[name] = figures()
        assert "resizer not said" in figures()["contract"]["real_statistics"]
        assert figures()["contract"]["split"].startswith(f"{name}.npz ")
    assert found["pytorch_fid"]["values"] == pytest.approx(found["stylegan"]["values"], rel=1e-6)
    assert found["pytorch_fid"]["contract"]["num_real"] == "not said"
    assert found["stylegan"]["contract"]["num_real"] == 201


def test_statistics_of_a_generator_are_those_of_its_fakes(ganworks: Callable, trained_run: Path) -> None:
    saving = ("save_real=real.npz", "save_fake=fake.npz", "out=figures.json")
    assert ganworks("evaluate", f"run={trained_run}", *saving).code == 0
    distance = figures()["values"]["fd_digits"]
    sides = ("real=real.npz", "fake=fake.npz")
    assert ganworks("evaluate", *sides, "metric=digits", "out=figures.json").code == 0
    assert figures()["values"]["fd_digits"] == pytest.approx(distance, rel=1e-6)


def test_statistics_under_another_resizer_are_refused_before_any_image_is_read(
    ganworks: Callable,
    folders: tuple[Path, Path],
    inception: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, fake = folders
    few = ("metric.num_samples=4", "metric.num_reals=4", *inception)
    saving = ("save_real=real.npz", *few)
    result = ganworks("evaluate", f"real={real}", f"fake={fake}", "metric=fid", *saving)
    assert result.code == 0, result.err
    monkeypatch.setattr(Inception, "features", lambda *args: pytest.fail("an image was read"))
    clean = ("metric.extractor.inception.resize=clean", *few)
    result = ganworks("evaluate", "real=real.npz", f"fake={fake}", "metric=fid", *clean)
    assert result.code == 1
    assert result.err.splitlines()[-1].startswith("error: real.npz holds statistics under resizer=legacy")


def test_interrupted_evaluation_goes_on_from_what_is_cached(
    ganworks: Callable,
    folders: tuple[Path, Path],
    inception: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    real, fake = folders
    cache, seen = f"metric.cache={tmp_path / 'cache'}", []
    read = Inception.features
    sides = (f"real={real}", f"fake={fake}", "metric=fid")
    arguments = (*sides, "metric.num_samples=6", "metric.num_reals=6", *inception, "out=figures.json")
    assert ganworks("evaluate", *arguments, "metric.cache=null").code == 0
    expected = figures()["values"]

    class Stopped(Exception):
        pass

    def count(self: Inception, images: torch.Tensor) -> object:
        if len(seen) == 4:
            raise Stopped
        seen.append(len(images))
        return read(self, images)

    original = FeatureCache.__init__
    monkeypatch.setattr(FeatureCache, "__init__", lambda self, folder: original(self, folder, part_size=2))
    monkeypatch.setattr(Inception, "features", count)
    with pytest.raises(Stopped):
        ganworks("evaluate", *arguments, cache)
    assert sum(seen) == 8  # the reals, and a part of the fakes
    monkeypatch.setattr(
        Inception, "features", lambda self, images: (seen.append(len(images)), read(self, images))[1]
    )
    seen.clear()
    result = ganworks("evaluate", *arguments, cache)
    assert result.code == 0, result.err
    assert sum(seen) == 4
    assert figures()["values"] == pytest.approx(expected, rel=1e-4)


def test_folders_have_the_pictures_that_need_no_generator_and_the_others_are_said_to_be_left_out(
    ganworks: Callable, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    read = DigitsExtractor.__call__
    monkeypatch.setattr(DigitsExtractor, "__call__", lambda self, x: (seen.append(len(x)), read(self, x))[1])
    sides = f"real={folders[0]}", f"fake={folders[1]}"
    few = ("metric.num_samples=100", "metric.num_reals=150")
    result = ganworks("evaluate", *sides, *DIGITS, *few, "figures=true")
    assert result.code == 0, result.err
    assert sum(seen) == 250  # the pictures take the features of the figures
    written = {path.stem for path in Path("figures").iterdir()}
    assert written == {"neighbours_pixels", "neighbours_features", "classes", "embedding", "spectrum"}
    for name in ("interpolation", "directions"):
        assert f"No figure {name}: it takes a generator, and these are two sets of images." in result.out
    assert "5 pictures in figures" in result.out


def test_folders_of_classes_show_them_and_without_classes_there_is_no_grid(
    ganworks: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = digits_images()[0][:80].split(20)
    for side, parts in (("real", images[:2]), ("fake", images[2:])):
        (tmp_path / side).mkdir()
        for name, part in zip(("cats", "dogs"), parts, strict=True):
            write_images(tmp_path / side / name, part)
    seen: list[tuple] = []
    sheet = figures_module.classified_sheet
    monkeypatch.setattr(
        figures_module, "classified_sheet", lambda *a, **k: (seen.append((a, k)), sheet(*a, **k))[1]
    )
    sides = (f"real={tmp_path / 'real'}", f"fake={tmp_path / 'fake'}")
    result = ganworks("evaluate", *sides, "metric=spectrum", "figures=true", "resolution=8")
    assert result.code == 0, result.err
    (((samples, classes, _), words),) = seen
    assert words["classified_by"] == "that its folder is"
    dogs = {image.numpy().tobytes() for image in to_uint8(images[3])}
    is_dog = torch.tensor([image[:1].numpy().tobytes() in dogs for image in to_uint8(samples)])
    assert torch.equal(classes == 1, is_dog)
    (tmp_path / "real" / "dogs").rename(tmp_path / "real" / "wolves")
    result = ganworks("evaluate", *sides, "metric=spectrum", "figures=true", "resolution=8")
    assert result.code == 0, result.err
    assert "No figure classes: neither" in result.out
    assert len(seen) == 1


PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"
LINES = re.findall(r"^python evaluate\.py (.*real.*)$", PAGE.read_text(), flags=re.M)


def test_commands_of_the_page_work_in_their_order(
    ganworks: Callable, trained_run: Path, folders: tuple[Path, Path], inception: tuple[str, ...]
) -> None:
    few = (*inception, "metric.num_samples=3", "metric.num_reals=3", "metric.measure.kid.num_subsets=1")
    assert len(LINES) >= 6
    for line in LINES:
        arguments = [a.replace("RUN_DIR", str(trained_run)) for a in shlex.split(line, comments=True)]
        arguments = [a.replace("FOLDER", str(folders[a.startswith("fake=")])) for a in arguments]
        uses_inception = not any(a.startswith(("run=", "metric=")) for a in arguments)
        result = ganworks("evaluate", *arguments, *(few if uses_inception else ()))
        assert result.code == 0, (line, result.err)
