"""Images of more than 8 bits: one range for a data set, found in all files, kept with the run."""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data import Folder
from ganworks.data.decode import decode
from ganworks.data.evaluated import EvaluatedImages, read_alike
from ganworks.data.sample_format import SampleFormat
from ganworks.data.value_range import Values, check_value_range
from ganworks.errors import SettingError

GREY = np.linspace(0, 255, 1024).reshape(32, 32)
BITS = GREY / 255
# How the same gradient is stored, the range that becomes black to white, and how the kind is called.
KINDS = {
    "12 bits in 16": ("png", (BITS * 4095).astype(np.uint16), (0, 4095), "16-bit"),
    "8 bits in 16": ("tif", GREY.astype(np.uint16), (0, 255), "16-bit"),
    "16 bits": ("png", (BITS * 65535).astype(np.uint16), (0, 65535), "16-bit"),
    "8 bits in 32": ("tif", GREY.astype(np.int32), (0, 255), "32-bit"),
    "CT numbers": ("tif", (GREY * 8 - 1024).astype(np.int32), (-1024, 1016), "32-bit"),
    "far from zero": ("tif", (BITS * 1000 + 30000).astype(np.uint16), (30000, 31000), "16-bit"),
    "floats in 0..1": ("tif", BITS.astype(np.float32), (0, 1), "float"),
    "floats in 0..255": ("tif", GREY.astype(np.float32), (0, 255), "float"),
    "floats in -1..1": ("tif", (GREY / 127.5 - 1).astype(np.float32), (-1, 1), "float"),
    "heights": ("tif", (BITS * 3000 + 100).astype(np.float32), (100, 3100), "float"),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
# What the fixed ranges of the types make of them.
FLAT = [
    "12 bits in 16",
    "8 bits in 16",
    "8 bits in 32",
    "CT numbers",
    "far from zero",
    "floats in 0..255",
    "heights",
]


def write(root: Path, kind: str, num: int = 6) -> Path:
    """Write the gradient and darker copies of it, none of which fills the range alone but one."""
    suffix, values, *_ = KINDS[kind]
    root.mkdir(parents=True, exist_ok=True)
    for index in range(num):
        lowest = values.min()
        darker = (lowest + (values - lowest) * max(1 - 0.1 * index, 0)).astype(values.dtype)
        Image.fromarray(darker).save(root / f"{index}.{suffix}")
    return root


def folder(root: Path, **settings) -> Folder:
    size = {"batch_size": 2, "resolution": 32, "channels": 1, "num_workers": 0}
    return Folder(root, **{**size, "cache": root.parent / "cache", **settings})


def images(data: Folder) -> torch.Tensor:
    data.check()
    return (data.samples.read(torch.arange(len(data.samples))).float()).round()


@every_kind
@pytest.mark.parametrize("limit", [32.0, 0.0], ids=["cached", "on the fly"])
def test_every_kind_of_value_is_seen_in_all_its_levels(
    kind: str, limit: float, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = folder(write(tmp_path / "set", kind), value_range="auto", cache_limit_gb=limit)
    with caplog.at_level(logging.INFO):
        found = images(data)
    _, _, (low, high), name = KINDS[kind]
    assert data.value_range == (low, high)
    assert data.settled["value_range"] == [low, high]
    assert (found[0, 0] - torch.from_numpy(GREY)).abs().max() < 1.5
    assert f"6 {name} images with values" in caplog.text
    assert f"scaled from [{low:g}, {high:g}]" in caplog.text


@pytest.mark.parametrize("kind", FLAT)
def test_range_of_the_type_flattens_them_and_an_image_alone_is_refused(kind: str, tmp_path: Path) -> None:
    root = write(tmp_path / "set", kind)
    assert len(images(folder(root, value_range="dtype"))[0].unique()) < 40  # what it was
    if kind != "far from zero":  # it may as well be a grey wall
        with pytest.raises(ValueError, match="which do not fill"):
            decode(min(root.iterdir()), SampleFormat(32, 1))


@every_kind
def test_one_range_holds_for_all_images_and_no_image_is_stretched(kind: str, tmp_path: Path) -> None:
    found = images(folder(write(tmp_path / "set", kind), value_range="auto"))
    highest = found.amax((1, 2, 3))
    assert torch.allclose(highest, 255 * (1 - 0.1 * torch.arange(6)), atol=2)


@every_kind
def test_run_that_knows_its_range_reads_the_same_bytes_and_statistics(kind: str, tmp_path: Path) -> None:
    root = write(tmp_path / "set", kind)
    first = folder(root, value_range="auto")
    before = images(first)
    again = folder(root, **first.settled)
    assert torch.equal(images(again), before)
    assert again.fingerprint == first.fingerprint
    low, high = first.value_range
    other = folder(root, value_range=[low, high + 1 + high - low])
    assert not torch.equal(images(other), before)
    assert other.fingerprint != first.fingerprint


def test_range_does_not_depend_on_what_is_read_first_or_by_whom(tmp_path: Path) -> None:
    root = write(tmp_path / "set", "12 bits in 16", num=40)
    ranges = set()
    for limit in (0.0, 32.0):
        data = folder(root, value_range="auto", cache_limit_gb=limit, cache=tmp_path / f"cache{limit}")
        data.check()
        ranges.add(data.value_range)
    assert ranges == {(0, 4095)}


def test_images_of_8_bits_stay_what_they_are_and_share_the_cache_of_earlier_runs(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for index in range(4):
        Image.fromarray(np.full((8, 8), 15 * index, np.uint8)).save(tmp_path / "set" / f"{index}.png")
    earlier, new = folder(tmp_path / "set"), folder(tmp_path / "set", value_range="auto")
    assert torch.equal(images(earlier), images(new))
    assert images(new).max() == 45
    assert new.value_range == "auto"
    assert earlier.fingerprint == new.fingerprint
    assert len(list((tmp_path / "cache").glob("images-*[!k]"))) == 1


@pytest.mark.parametrize(
    "value", ["autos", [1], [2, 1], [1, 1], [0, float("inf")], [True, 2], "0,1", None, ["a", "b"], 3]
)
def test_range_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(SettingError, match=r"value_range=.*must be auto, dtype or \[low, high\]"):
        check_value_range(value)


def test_values_that_are_no_numbers_become_black(tmp_path: Path) -> None:
    values = BITS.astype(np.float32)
    values[0, :2] = np.nan, np.inf
    Image.fromarray(values).save(tmp_path / "x.tif")
    found = decode(tmp_path / "x.tif", SampleFormat(32, 1, (0.0, 1.0)))
    assert found[0, 0, :2].tolist() == [0, 255]
    Image.fromarray(np.full((4, 4), np.nan, np.float32)).save(tmp_path / "y.tif")
    with (
        Image.open(tmp_path / "y.tif") as image,
        pytest.raises(ValueError, match="none of its values is finite"),
    ):
        Values.of(image)


def test_both_sides_of_an_evaluation_are_scaled_from_one_range(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, top in (("real", 4000), ("fake", 900)):
        (tmp_path / name).mkdir()
        Image.fromarray((BITS * top).astype(np.uint16)).save(tmp_path / name / "x.png")
    real, fake = EvaluatedImages(tmp_path / "real", 1), EvaluatedImages(tmp_path / "fake", 1)
    assert (real.value_range, fake.value_range) == ((0, 4095), (0, 1023))  # each by itself
    alone = fake.fingerprint
    fake = EvaluatedImages(tmp_path / "fake", 1)
    with caplog.at_level(logging.INFO):
        read_alike(real, fake)
    assert real.value_range == fake.value_range == (0, 4095)
    assert "2 16-bit images with values 0..4000: scaled from [0, 4095]" in caplog.text
    (batch,) = fake.reference_batches()
    assert abs((batch["real"].max().item() + 1) / 2 - 900 / 4095) < 0.01
    assert fake.fingerprint != alone


def test_colour_of_16_bits_that_loses_its_levels_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "set").mkdir()
    for index in range(2):
        (tmp_path / "set" / f"{index}.png").write_bytes(colour_png((BITS * 4095).astype(np.uint16)))
    with caplog.at_level(logging.WARNING):
        folder(tmp_path / "set", value_range="auto", channels=3).check()
    assert (
        "2 colour images have 16 bits, of which only the upper 8 are read, and those reach 15 of 255"
        in caplog.text
    )


def colour_png(gray: np.ndarray) -> bytes:
    """Return a PNG of 3 x 16 bits, which Pillow reads and does not write."""
    height, width = gray.shape
    rows = np.repeat(gray[..., None], 3, axis=2).astype(">u2").reshape(height, -1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)),
        (b"IDAT", data),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
