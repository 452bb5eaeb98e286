"""Damage on the disk is found before anything is made of it."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ganworks import load_generator
from ganworks.errors import GanworksError
from ganworks.run.init_from import read
from ganworks.sample.loading import last_checkpoint, read_checkpoint

LAST, PREVIOUS, BEST = (f"checkpoints/{name}.ckpt" for name in ("last", "last.previous", "best"))
WEIGHTS = "generator/model.safetensors"


def flip(path: Path, whole: bytes, rng: random.Random) -> None:
    """Write the file again with one bit of it turned."""
    damaged = bytearray(whole)
    damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
    path.write_bytes(damaged)


@pytest.mark.parametrize(("name", "load"), [(LAST, read_checkpoint), (BEST, load_generator), (WEIGHTS, read)])
def test_no_flipped_bit_is_taken(copied_run: Path, name: str, load: Callable[[Path], object]) -> None:
    path, rng = copied_run / name, random.Random(0)
    whole = path.read_bytes()
    load(path)  # control
    for _ in range(60):
        flip(path, whole, rng)
        with pytest.raises(GanworksError, match=path.name):
            load(path)


@pytest.mark.parametrize("name", [LAST, BEST, WEIGHTS, "generator/config.json"])
@pytest.mark.parametrize("damage", ["cut", "zeros", "empty", "pipe"])
def test_half_a_file_is_refused_by_name(copied_run: Path, name: str, damage: str) -> None:
    path = copied_run / name
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) * 2 // 3], "zeros": bytes(len(whole))}.get(damage, b""))
    if damage == "pipe":
        path.unlink()
        os.mkfifo(path)
    with pytest.raises(GanworksError) as caught:
        read_checkpoint(path) if path.suffix == ".ckpt" else load_generator(path.parent)
    assert str(path.parent) in str(caught.value)
    if damage != "pipe":
        assert "last.previous.ckpt" in str(caught.value)  # what else there is


def test_weights_without_a_digest_load_as_ever(copied_run: Path) -> None:
    before = load_generator(copied_run).sample(2)
    for name in (LAST, BEST):
        torch.save(read_checkpoint(copied_run / name), copied_run / name)
    save_file(load_file(copied_run / WEIGHTS), copied_run / WEIGHTS)
    assert torch.equal(load_generator(copied_run).sample(2), before)
    assert torch.equal(load_generator(copied_run / LAST).sample(2), before)


def test_a_copied_folder_and_the_bare_weights_load(
    copied_run: Path, tmp_path: Path, ganworks: Callable
) -> None:
    folder = shutil.copytree(copied_run / "generator", tmp_path / "elsewhere")
    assert torch.equal(load_generator(folder).sample(2), load_generator(copied_run).sample(2))
    alone = shutil.copy(copied_run / WEIGHTS, tmp_path / "alone.safetensors")
    start = ("data=digits", "model.conditional=true", "model.width=8", "dry_run=true")
    result = ganworks("train", f"init_from={alone}", *start)
    assert result.code == 0, result.err


@pytest.mark.parametrize("damage", ["flipped", "cut", "zeros", "missing"])
def test_run_goes_on_from_the_checkpoint_before_where_the_last_is_damaged(
    copied_run: Path, ganworks: Callable, damage: str
) -> None:
    path = copied_run / LAST
    whole = path.read_bytes()
    if damage == "flipped":
        flip(path, whole, random.Random(1))
    path.write_bytes({"cut": whole[:-100], "zeros": bytes(len(whole))}.get(damage, path.read_bytes()))
    if damage == "missing":
        path.unlink()
    images_seen = read_checkpoint(copied_run / PREVIOUS)["time"]["images_seen"]
    result = ganworks("train", f"resume={copied_run}", "num_images=704")
    assert result.code == 0, result.err
    assert "last.previous.ckpt" in result.out
    assert f"on from {images_seen:,}" in result.out
    assert json.loads((copied_run / "summary.json").read_text())["images_seen"] == 704


def test_sound_checkpoint_is_taken_without_a_word(copied_run: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert last_checkpoint(copied_run) == copied_run / LAST
    assert caplog.text == ""
