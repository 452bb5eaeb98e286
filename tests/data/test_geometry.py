"""Data sets of files that are not square, not three channels, or not 8 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data import Domains, Folder, Pairs, Superres
from ganworks.data.loader import WorkerLoader
from ganworks.data.samples import to_float
from ganworks.errors import SettingError
from ganworks.picture.image_file import write_image
from ganworks.sample.kind import Image as ImageKind

RNG = np.random.default_rng(1)


def arrays(root: Path, num: int = 6, shape: tuple[int, ...] = (12, 20, 5), dtype: type = np.uint16) -> Path:
    """A folder of arrays of numbers up to 4095."""
    root.mkdir(parents=True, exist_ok=True)
    for index in range(num):
        np.save(root / f"{index}.npy", RNG.integers(0, 4096, shape).astype(dtype))
    return root


def folder(root: Path, tmp_path: Path, **settings: Any) -> Folder:
    defaults: dict[str, Any] = {"batch_size": 3, "value_range": "auto", "cache": tmp_path / "cache"}
    return Folder(root, **{**defaults, "resolution": [12, 20], "channels": 5, **settings})


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_cache_and_workers_give_the_same_levels(tmp_path: Path, dtype: str) -> None:
    root = arrays(tmp_path / "x")
    batches = []
    for settings in ({}, {"cache_limit_gb": 0, "num_workers": 1}):
        flips = {"horizontal_flip": True, "vertical_flip": True}
        data = folder(root, tmp_path, dtype=dtype, **flips, **settings)
        data.check()
        loader = data.train_dataloader()
        assert isinstance(loader, WorkerLoader) == ("num_workers" in settings)
        batches.append(next(iter(loader))["real"])
    assert torch.equal(*batches)
    assert batches[0].shape == (3, 5, 12, 20)
    assert batches[0].dtype == torch.float32
    assert batches[0].min() >= -1


@pytest.mark.parametrize(("dtype", "num"), [("uint8", 256), ("uint16", 1200), ("float32", 1200)])
def test_all_levels_of_16_bits_arrive_in_the_batch(tmp_path: Path, dtype: str, num: int) -> None:
    root = tmp_path / "x"
    root.mkdir()
    pixels = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40) * 3  # 0..3597 of 4095
    Image.fromarray(pixels).save(root / "x.png")
    data = folder(root, tmp_path, resolution=[30, 40], channels=1, batch_size=1, dtype=dtype)
    real = data.example(1)["real"]
    assert data.opened.value_range == (0, 4095)
    assert real.unique().numel() == (num if num > 256 else len(np.unique(np.round(pixels / 4095 * 255))))
    if num > 256:
        assert torch.allclose(
            (real[0, 0] + 1) / 2 * 4095, torch.from_numpy(pixels.astype(np.float32)), atol=0.05
        )


def test_a_sample_that_is_written_is_read_as_it_was(tmp_path: Path) -> None:
    for channels, dtype in (
        (1, "uint16"),
        (2, "uint8"),
        (3, "uint16"),
        (4, "uint16"),
        (4, "uint8"),
        (6, "float32"),
    ):
        root = tmp_path / f"{channels}{dtype}"
        root.mkdir()
        sample = torch.rand(channels, 12, 20) * 2 - 1
        path = ImageKind(dtype).save(sample, root / "x")
        assert path.suffix == (".npy" if channels > 4 or dtype == "float32" else ".png")
        how = {"channels": channels, "dtype": dtype, "batch_size": 1}
        how |= {"value_range": "dtype" if dtype != "float32" else [-1.0, 1.0]}
        back = folder(root, tmp_path, **how).example(1)["real"][0]
        step = {"uint8": 2 / 255, "uint16": 2 / 65535, "float32": 1e-6}[dtype]
        assert (back - sample).abs().max() < 0.51 * step + 1e-6
    assert ImageKind().settings == {"_target_": "ganworks.sample.kind.Image"}
    assert ImageKind("uint16").settings["dtype"] == "uint16"


def test_upside_down_is_drawn_apart_from_left_to_right(tmp_path: Path) -> None:
    root = arrays(tmp_path / "x", num=40, shape=(4, 4, 1))
    seen = {}
    for name, flips in {"none": {}, "both": {"horizontal_flip": True, "vertical_flip": True}}.items():
        data = folder(root, tmp_path, resolution=4, channels=1, batch_size=40, **flips)
        seen[name] = next(iter(data.train_dataloader()))["real"]
    turns: set[tuple[bool, bool]] = set()
    for plain, turned in zip(seen["none"], seen["both"], strict=True):
        axes = {(x, y): plain.flip([-1] * x + [-2] * y) for x in (False, True) for y in (False, True)}
        turns |= {turn for turn, values in axes.items() if torch.equal(values, turned)}
    assert len(turns) == 4


def test_arrays_beside_pictures_are_no_images(tmp_path: Path) -> None:
    root = arrays(tmp_path / "x")
    Image.new("RGB", (8, 8)).save(root / "x.png")
    assert list(folder(root, tmp_path, channels=3).find().names) == ["x.png"]


def test_a_file_with_other_channels_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"0\.npy \(it has 5 channels, and 4 are asked for\)"):
        folder(arrays(tmp_path / "x"), tmp_path, channels=4).check()


def test_what_was_read_otherwise_is_another_entry_of_the_cache(tmp_path: Path) -> None:
    root = tmp_path / "x"
    root.mkdir()
    Image.fromarray(RNG.integers(0, 256, (8, 16, 4)).astype(np.uint8)).save(root / "x.png")
    settings: list[dict[str, Any]] = [
        {},
        {"fit": "pad"},
        {"fit": "stretch"},
        {"background": "black"},
        {"dtype": "uint16"},
    ]
    found = [folder(root, tmp_path, channels=3, batch_size=1, **each) for each in settings]
    assert len({each.fingerprint for each in found}) == len(settings)
    reals = [each.example(1)["real"] for each in found]
    assert all(not torch.equal(reals[0], other) for other in reals[1:4])
    assert (
        reals[0] - reals[4]
    ).abs().mean() < 0.02  # 8 bits clip between the passes of the filter, floats do not


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_pairs_domains_and_superresolution_keep_channels_and_levels(tmp_path: Path, dtype: str) -> None:
    arrays(tmp_path / "x" / "A", shape=(16, 24, 2))
    arrays(tmp_path / "x" / "B", shape=(16, 24, 6))
    how: dict[str, Any] = {
        "batch_size": 2,
        "cache": tmp_path / "cache",
        "dtype": dtype,
        "vertical_flip": True,
    }
    data = Pairs(tmp_path / "x", resolution=[16, 24], channels=6, source_channels=2, held_out=0.2, **how)
    batch = next(iter(data.train_dataloader()))
    assert batch["real"].shape == (2, 6, 16, 24)
    assert batch["source"].shape == (2, 2, 16, 24)
    levels = len(batch["real"].unique())
    assert levels <= 256 if dtype == "uint8" else levels > 1000
    cropped = Pairs(
        tmp_path / "x", resolution=[8, 16], load_resolution=[16, 24], channels=6, source_channels=2, **how
    )
    assert next(iter(cropped.train_dataloader()))["source"].shape == (2, 2, 8, 16)
    arrays(tmp_path / "y" / "A", shape=(16, 24, 6))
    arrays(tmp_path / "y" / "B", shape=(16, 24, 6))
    domains = Domains(tmp_path / "y", resolution=[16, 24], channels=6, **how)
    assert next(iter(domains.train_dataloader()))["source"].shape == (2, 6, 16, 24)
    tiles = Superres(tmp_path / "y" / "A", resolution=[8, 12], channels=6, **how)
    assert next(iter(tiles.train_dataloader()))["source"].shape == (2, 6, 8, 12)


def test_a_source_is_degraded_in_the_levels_of_the_data(tmp_path: Path) -> None:
    root = arrays(tmp_path / "x", shape=(16, 16, 1))
    read = {
        dtype: Superres(
            root, resolution=16, channels=1, batch_size=2, dtype=dtype, cache=tmp_path / "c"
        ).example(2)
        for dtype in ("uint8", "uint16", "float32")
    }
    for name in ("real", "source"):
        for dtype, most in (("uint8", 0.02), ("uint16", 1e-4)):
            assert (read[dtype][name] - read["float32"][name]).abs().max() < most


def test_sixteen_bits_become_floats_of_the_networks_range() -> None:
    levels = torch.arange(65536, dtype=torch.int32).to(torch.uint16)
    floats = to_float(levels)
    assert floats[0] == -1
    assert floats[-1] == 1
    assert floats.unique().numel() == 65536


def test_a_picture_of_16_bits_is_a_png_that_others_read(tmp_path: Path) -> None:
    image = torch.linspace(-1, 1, 3 * 8 * 9).view(3, 8, 9)
    path = write_image(image, tmp_path / "x.png", "uint16")
    with Image.open(path) as file:
        assert file.mode == "RGB"
        assert (torch.from_numpy(np.array(file)).permute(2, 0, 1) / 127.5 - 1 - image).abs().max() < 0.01
