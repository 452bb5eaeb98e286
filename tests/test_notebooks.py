"""The notebooks run from top to bottom, learn something, and show in the repository what they show when run."""

from __future__ import annotations

import csv
import importlib.util
import os
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
import torch
from nbformat import NotebookNode

from ganworks import load_generator
from ganworks.data import Folder

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
FIRST_GAN = NOTEBOOKS / "01_first_gan.ipynb"
TRANSLATION = NOTEBOOKS / "02_translation.ipynb"
TEXT = NOTEBOOKS / "03_text.ipynb"
OWN_IMAGES = NOTEBOOKS / "04_own_images.ipynb"
TUNING = NOTEBOOKS / "05_tuning.ipynb"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The module notebooks/execute.py."""
    spec = importlib.util.spec_from_file_location("execute", NOTEBOOKS / "execute.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outputs(notebook: NotebookNode) -> list[list[str]]:
    """Return the kinds of output of each cell: "text", "picture" or another."""
    kinds = {"stream": "text", "display_data": "picture", "execute_result": "picture"}
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [[kinds.get(o.output_type, o.output_type) for o in cell.outputs] for cell in cells]


def figures(run: Path, name: str) -> list[float]:
    """Return a column of a run's metrics.csv where it has values."""
    with (run / "metrics.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


def test_first_notebook_runs_learns_digits_and_shows_what_is_kept(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("GANWORKS_CACHE", os.environ.get("GANWORKS_CACHE", str(tmp_path / "cache")))
    executed = script.execute(FIRST_GAN, tmp_path)
    for loss in ("bce", "hinge"):
        distances = figures(tmp_path / "runs/first_gan" / loss, "metric/fd_digits")
        assert distances[-1] < min(10, distances[0] / 2)  # noise has several hundreds
        assert figures(tmp_path / "runs/first_gan" / loss, "metric/coverage")[-1] > 0.4
    assert outputs(executed) == outputs(nbformat.read(FIRST_GAN, as_version=4))


def test_second_notebook_translates_and_shows_what_is_kept(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("GANWORKS_CACHE", os.environ.get("GANWORKS_CACHE", str(tmp_path / "cache")))
    executed = script.execute(TRANSLATION, tmp_path)
    bending, cycle = (tmp_path / "runs/translation" / name for name in ("bending", "cycle"))
    assert figures(bending, "metric/fd_digits")[-1] < 15  # untranslated digits: 44
    assert figures(bending, "metric/class_kept")[-1] > figures(cycle, "metric/class_kept")[-1]
    assert outputs(executed) == outputs(nbformat.read(TRANSLATION, as_version=4))


def test_notebook_of_texts_runs_learns_to_spell_and_shows_what_is_kept(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("GANWORKS_CACHE", os.environ.get("GANWORKS_CACHE", str(tmp_path / "cache")))
    executed = script.execute(TEXT, tmp_path)
    for name in ("game", "likelihood"):
        distances = figures(tmp_path / "runs/words" / name, "metric/jsd_3gram")
        assert distances[-1] < 0.2  # shuffled letters have .4 and more
        assert figures(tmp_path / "runs/words" / name, "metric/unique")[-1] > 0.8
    assert outputs(executed) == outputs(nbformat.read(TEXT, as_version=4))


def test_notebook_of_own_images_runs_learns_flowers_and_shows_what_is_kept(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("GANWORKS_CACHE", str(tmp_path / "cache"))
    executed = script.execute(OWN_IMAGES, tmp_path)
    data = Folder(root=tmp_path / "flowers", resolution=32, batch_size=32, cache=tmp_path / "cache")
    data.setup("fit")
    real = torch.cat([batch["real"] for batch in data.reference_batches()])
    assert len(real) == 302  # all but the broken one
    drawn = load_generator(tmp_path / "runs/own_images/flowers").sample(200, seed=5)
    corner, middle = (
        [images[:, :, place, place].mean((0, 2, 3)) for images in (drawn, real)]
        for place in (slice(0, 4), slice(12, 20))
    )
    for mean, wanted in (corner, middle):  # colours of grass and of flowers
        assert torch.allclose(mean, wanted, atol=0.3)
    assert not torch.allclose(corner[0], middle[1], atol=0.3)  # control
    assert outputs(executed) == outputs(nbformat.read(OWN_IMAGES, as_version=4))


def test_notebook_of_tuning_runs_finds_better_settings_and_shows_what_is_kept(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("GANWORKS_CACHE", os.environ.get("GANWORKS_CACHE", str(tmp_path / "cache")))
    executed = script.execute(TUNING, tmp_path)
    trials = sorted((tmp_path / "runs/tune/small/trials").glob("*/metrics.csv"))
    found = [figures(path.parent, "metric/fd_digits")[-1] for path in trials]
    assert len(found) == 10
    assert min(found) < found[0] / 2  # the first is the guess
    assert figures(tmp_path / "runs/small_best/seed7", "metric/fd_digits")
    assert outputs(executed) == outputs(nbformat.read(TUNING, as_version=4))


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_kept_outputs_are_small_and_of_one_run_from_top_to_bottom(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text) < 300_000
    assert not [word for word in ("/home/", "/root/", "/tmp/", "/Users/", "Traceback") if word in text]
    cells = [cell for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_notebook_that_fails_is_noticed(script: ModuleType, tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    nbformat.write(notebook, tmp_path / "broken.ipynb")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        script.execute(tmp_path / "broken.ipynb", tmp_path)
