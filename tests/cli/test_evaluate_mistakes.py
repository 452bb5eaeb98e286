"""evaluate.py: a mistake on either side is named in one line before work starts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, folders: tuple[Path, Path]) -> Path:
    """Files that mistakes are made with."""
    root = tmp_path_factory.mktemp("place")
    np.savez(root / "wide.npz", mu=np.zeros(9), sigma=np.eye(9))
    np.savez(root / "names.npz", mean=np.zeros(9))
    mixed = shutil.copytree(folders[1], root / "mixed")
    Image.new("L", (12, 8)).save(mixed / "wide.png")
    return root


MISTAKES = {
    "seeds of folders": (["real={real}", "fake={fake}", "seeds=2"], ["seeds=2", "left out"]),
    "run and fakes": (["run={run}", "fake={fake}"], ["fake=", "left out"]),
    "resolution of a run": (["run={run}", "resolution=8"], ["resolution=8", "left out"]),
    "data and reals": (["run={run}", "real={real}", "data=digits"], ["data=digits", "left out"]),
    "checkpoint of folders": (
        ["real={real}", "fake={fake}", "checkpoint=best.ckpt"],
        ["checkpoint=best.ckpt", "left out"],
    ),
    "data of folders": (
        ["real={real}", "fake={fake}", "data.resolution=9"],
        ["data.resolution=9", "metric.x"],
    ),
    "statistics missing": (["real=no.npz", "fake={fake}"], ["no.npz is missing"]),
    "statistics of other names": (
        ["real={place}/names.npz", "fake={fake}"],
        ["mu and sigma", "it holds mean"],
    ),
    "statistics of other features": (
        ["real={place}/wide.npz", "fake={fake}", "metric=digits", "channels=1"],
        ["wide.npz has 9 features", "64"],
    ),
    "statistics of no Inception": (
        ["real={place}/wide.npz", "fake={place}/wide.npz"],
        ["9 features", "2048"],
    ),
    "statistics without a Frechet distance": (
        ["real={place}/wide.npz", "fake={fake}", "metric=spectrum"],
        ["metric=spectrum", "metric=fid"],
    ),
    "pictures of statistics": (
        ["run={run}", "real={place}/wide.npz", "figures=true"],
        ["figures=", "no images"],
    ),
    "pictures of two files": (
        ["real={place}/wide.npz", "fake={place}/wide.npz", "figures=true"],
        ["no images"],
    ),
    "pictures of several sizes": (
        ["real={real}", "fake={place}/mixed", "figures=true", "metric=digits", "channels=1"],
        ["resolution=", "side by side", "8 x 12"],
    ),
    "pictures of several seeds": (["run={run}", "seeds=2", "figures=true"], ["figures=True", "seeds=2"]),
    "statistics to another ending": (["run={run}", "save_real=real.pt"], ["save_real=real.pt", ".npz"]),
    "statistics of several seeds": (
        ["run={run}", "seeds=2", "save_fake=fake.npz"],
        ["seeds=2", "save_fake="],
    ),
    "statistics of no distance": (
        ["run={run}", "metric=spectrum", "save_fake=fake.npz"],
        ["save_fake=", "metric=fid"],
    ),
    "images of several sizes": (
        ["real={real}", "fake={place}/mixed", "metric=spectrum"],
        ["resolution=", "8 x 12"],
    ),
    "more fakes than there are": (
        ["real={real}", "fake={fake}", "metric.num_samples=122", "metric=digits", "channels=1"],
        ["metric.num_samples=122", "at most 121"],
    ),
    "measure of a generator": (
        ["real={real}", "fake={fake}", "metric=path_length_pixels"],
        ["path_length_pixels", "a generator"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named_in_one_line(
    ganworks: Callable, trained_run: Path, folders: tuple[Path, Path], place: Path, mistake: str
) -> None:
    arguments, parts = MISTAKES[mistake]
    names = {"run": trained_run, "real": folders[0], "fake": folders[1], "place": place}
    result = ganworks("evaluate", *(argument.format(**names) for argument in arguments))
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1, result.err
    for part in parts:
        assert part in result.err
