"""A folder as an evaluation reads it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data.evaluated import EvaluatedImages
from ganworks.errors import GanworksError, SettingError

SIZES = [(8, 8)] * 3 + [(12, 6)] * 2 + [(8, 8)] * 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    root.mkdir()
    draw = np.random.default_rng(0)
    for index, (width, height) in enumerate(SIZES):
        pixels = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{index}.png")
    return root


def test_every_image_comes_once_at_its_own_size(folder: Path) -> None:
    images = EvaluatedImages(folder)
    batches = [batch["real"] for batch in images.reference_batches(batch_size=2)]
    assert all(len(batch) <= 2 for batch in batches)
    found = sorted(
        ((image + 1) * 127.5).round().to(torch.uint8).numpy().tobytes()
        for batch in batches
        for image in batch
    )
    expected = [np.asarray(Image.open(path)).transpose(2, 0, 1) for path in folder.iterdir()]
    assert found == sorted(np.ascontiguousarray(image).tobytes() for image in expected)
    assert len(images) == len(SIZES)
    assert images.shape == (3, 8, 8)


def test_images_from_one_number_to_another_are_read_and_no_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = EvaluatedImages(folder, resolution=4)
    (whole,) = images.reference_batches()
    read: list[int] = []
    original = EvaluatedImages._read
    monkeypatch.setattr(EvaluatedImages, "_read", lambda self, i: (read.append(i), original(self, i))[1])
    (part,) = images.reference_batches(start=2, stop=5)
    assert torch.equal(part["real"], whole["real"][2:5])
    assert len(read) == 3


def test_order_is_shuffled_and_always_the_same(folder: Path) -> None:
    means = [
        [b["real"].mean().item() for b in EvaluatedImages(folder).reference_batches(1)] for _ in range(2)
    ]
    assert means[0] == means[1]
    by_name = [np.asarray(Image.open(path)).mean() / 127.5 - 1 for path in sorted(folder.iterdir())]
    assert not np.allclose(means[0], by_name, atol=1e-4)
    assert np.allclose(sorted(means[0]), sorted(by_name), atol=1e-4)


def test_resolution_and_channels_bring_all_to_one_shape(folder: Path) -> None:
    (batch,) = EvaluatedImages(folder, channels=1, resolution=4).reference_batches()
    assert batch["real"].shape == (len(SIZES), 1, 4, 4)


def test_fingerprint_is_that_of_the_content(folder: Path, tmp_path: Path) -> None:
    first = EvaluatedImages(folder).fingerprint
    copy = tmp_path / "copy"
    copy.mkdir()
    for index, path in enumerate(sorted(folder.iterdir(), reverse=True)):
        shutil.copyfile(path, copy / f"other name {index}.png")
    assert EvaluatedImages(copy).fingerprint == first
    assert EvaluatedImages(copy, resolution=4).fingerprint != first
    Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(copy / "other name 0.png")
    assert EvaluatedImages(copy).fingerprint != first


def test_unreadable_file_is_named(folder: Path) -> None:
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:60])
    with pytest.raises(GanworksError, match=r"3\.png can't be read"):
        list(EvaluatedImages(folder).reference_batches())


def test_missing_folder_and_impossible_resolution_are_refused(folder: Path) -> None:
    with pytest.raises(SettingError, match=r"root=.*imagse.*Did you mean '.*images'"):
        EvaluatedImages(folder.with_name("imagse"))
    with pytest.raises(SettingError, match=r"resolution=0"):
        EvaluatedImages(folder, resolution=0)
