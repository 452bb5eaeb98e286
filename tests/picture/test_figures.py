"""The figures of an evaluation: those that make sense are written, of the others it is said why not."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from ganworks.errors import SettingError
from ganworks.model import DCGANGenerator, MLPGenerator
from ganworks.picture import Population, write_figures
from ganworks.sample.sampler import Sampler

NEED_A_GENERATOR = {"interpolation", "directions"}


def images(num: int = 12, seed: int = 0) -> torch.Tensor:
    return torch.rand(num, 1, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def sampler(num_classes: int = 0) -> Sampler:
    return Sampler(DCGANGenerator((1, 8, 8), latent_dim=6, width=4, num_classes=num_classes), {})


def measured(seed: int) -> Population:
    samples = images(seed=seed)
    return Population(samples, samples.flatten(1)[:, :5], torch.arange(12) % 3)


def names(paths: list[Path]) -> set[str]:
    for path in paths:
        picture = Image.open(path)
        picture.load()
        assert path.suffix == ".png"
        assert min(picture.size) > 300
    return {path.stem for path in paths}


def test_generator_of_images_has_every_figure(tmp_path: Path) -> None:
    paths = write_figures(tmp_path / "new", measured(0), measured(1), sampler())
    assert names(paths) == {path.stem for path in (tmp_path / "new").iterdir()}
    assert names(paths) >= NEED_A_GENERATOR | {
        "neighbours_pixels",
        "neighbours_features",
        "classes",
        "embedding",
    }


def test_figures_that_make_no_sense_are_named_with_the_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    paths = write_figures(tmp_path, Population(images()), Population(images(seed=1)))
    missing = NEED_A_GENERATOR | {"neighbours_features", "classes"}
    assert names(paths).isdisjoint(missing)
    assert {"neighbours_pixels", "embedding"} <= names(paths)
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("ganworks")]
    assert {line.split(":")[0].removeprefix("No figure ") for line in lines} == missing
    assert "No figure interpolation: it takes a generator, and these are two sets of images." in lines


def test_conditional_generator_shows_its_own_classes_without_a_classifier(tmp_path: Path) -> None:
    paths = write_figures(tmp_path, Population(images()), Population(images(seed=1)), sampler(3))
    assert names(paths) >= {"classes", "interpolation", "directions"}


def test_points_in_the_plane_have_a_scatter_and_nothing_else(tmp_path: Path) -> None:
    generator = Sampler(MLPGenerator((2,), latent_dim=3, width=8), {})
    points = torch.randn(20, 2), torch.randn(20, 2)
    assert names(write_figures(tmp_path, *map(Population, points), generator)) == {"scatter"}
    assert names(write_figures(tmp_path, *(Population(torch.randn(20, 5)) for _ in "rf"))) == {"scatter"}
    assert not write_figures(
        tmp_path, *(Population(torch.randn(20, 1)) for _ in "rf")
    )  # a line has no scatter


def test_samples_that_are_not_finite_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    broken = images(seed=1)
    broken[3, 0, 2, 2] = torch.nan
    assert len(Population(broken).finite()) == 11
    assert "embedding" in names(write_figures(tmp_path, Population(images()), Population(broken)))
    nothing = Population(torch.full((12, 1, 8, 8), torch.inf))
    assert write_figures(tmp_path, Population(images()), nothing) == []
    assert "two samples" in caplog.text


def test_same_seed_gives_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    generator = sampler()

    def written(folder: str, seed: int) -> dict[str, bytes]:
        paths = write_figures(tmp_path / folder, measured(0), measured(1), generator, seed)
        return {path.name: path.read_bytes() for path in paths}

    first, again, other = written("a", 0), written("b", 0), written("c", 1)
    assert first == again
    assert first["interpolation.png"] != other["interpolation.png"]
    assert first["neighbours_pixels.png"] != other["neighbours_pixels.png"]


def test_unknown_embedding_is_named_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"embedding=tsme: must be one of pca, tsne\. Did you mean 'tsne'"):
        write_figures(tmp_path / "none", measured(0), measured(1), embedding="tsme")
    assert not (tmp_path / "none").exists()


def test_example_of_the_docs_writes_the_pictures_of_the_table(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "pictures.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, flags=re.M | re.S)
    monkeypatch.chdir(tmp_path)
    exec(code.replace("RUN_DIR", str(trained_run)), {"__name__": "example"})
    table = set(re.findall(r"`(\w+)\.png`", page))
    assert {path.stem for path in Path("figures").iterdir()} == table - {"scatter"}
