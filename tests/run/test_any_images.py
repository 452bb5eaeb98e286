"""Runs on images that are not square, not of three channels and not of 8 bits, from files to samples and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganworks import load_generator
from ganworks.data import Folder
from ganworks.data.samples import to_float
from ganworks.errors import GanworksError
from running import checkpoint, differences, train, train_on

TINY = ("metric=none", "data=folder", "data.batch_size=4", "num_images=32", "num_threads=1", "model.width=4")
SHAPE = ("data.resolution=[16,24]", "data.channels=5")


def arrays(root: Path, num: int = 12) -> Path:
    draw = np.random.default_rng(0)
    root.mkdir()
    for index in range(num):
        np.save(root / f"{index}.npy", draw.integers(0, 4096, (20, 28, 5)).astype(np.uint16))
    return root


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_a_run_keeps_shape_and_levels_and_its_samples_are_data_again(tmp_path: Path, dtype: str) -> None:
    root = arrays(tmp_path / "imgs")
    chosen = (*TINY, *SHAPE, "model=dcgan", f"data.root={root}", f"data.dtype={dtype}", "data.fit=pad")
    assert train(tmp_path / "run", *chosen).status == "finished"
    sampler = load_generator(tmp_path / "run")
    samples = sampler.sample(3)
    assert samples.shape == (3, 5, 16, 24)
    (tmp_path / "made").mkdir()
    for index, sample in enumerate(samples):
        assert sampler.kind.save(sample, tmp_path / "made" / str(index)).suffix == ".npy"
    how: dict[str, Any] = {"value_range": [-1.0, 1.0] if dtype == "float32" else "dtype", "dtype": dtype}
    back = Folder(tmp_path / "made", 1, [16, 24], 5, cache=tmp_path / "cache", **how)
    read = to_float(torch.stack([back.samples.read(torch.tensor([index]))[0] for index in range(3)]))
    assert (read - samples).abs().max() <= {"uint16": 0.51 * 2 / 65535, "float32": 1e-6}[dtype]


def test_a_run_from_the_cache_equals_one_that_decodes_on_the_fly(tmp_path: Path) -> None:
    root = arrays(tmp_path / "imgs")
    flips = ("data.horizontal_flip=true", "data.vertical_flip=true")
    chosen = (*TINY, *SHAPE, *flips, "model=dcgan", f"data.root={root}", "data.dtype=uint16")
    train(tmp_path / "cached", *chosen)
    train(tmp_path / "read", *chosen, "data.cache_limit_gb=0", "data.num_workers=1")
    weights = [checkpoint(tmp_path / name)["state_dict"] for name in ("cached", "read")]
    assert differences(*weights) == []
    assert train_on(tmp_path / "cached", "num_images=48").status == "finished"


def test_what_a_network_cannot_draw_is_refused_before_the_training(tmp_path: Path) -> None:
    root = arrays(tmp_path / "imgs")
    chosen = (*TINY[:-1], f"data.root={root}", "data.resolution=[18,25]", "data.channels=5", "model=dcgan")
    with pytest.raises(
        GanworksError, match=r"model\.generator\.resolution=18x25: must be .*the nearest is 16x24"
    ):
        train(tmp_path / "run", *chosen)
    assert not (tmp_path / "run" / "checkpoints").exists()
