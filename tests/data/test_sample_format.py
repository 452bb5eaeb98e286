"""How a file becomes a sample: sizes, channels, fits, backgrounds and levels."""

from __future__ import annotations

import io
import struct
import zlib
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data.decode import decode, decode_part, decode_whole, read_size
from ganworks.data.fit import exact_box
from ganworks.data.sample_format import SampleFormat
from ganworks.errors import GanworksError, SettingError

RNG = np.random.default_rng(0)


def deep_png(path: Path, array: np.ndarray) -> None:
    """Write uint16 (H, W, C) as PNG, by its specification."""
    height, width, channels = array.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    chunks = {"IHDR": struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0), "IDAT": zlib.compress(rows)}
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in {**chunks, "IEND": b""}.items():
        body = name.encode() + content
        data += struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(data)


def planes(array: np.ndarray) -> torch.Tensor:
    """(C, H, W) of (H, W, C)."""
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_all_16_bits_of_a_png_are_kept(tmp_path: Path, channels: int) -> None:
    array = RNG.integers(0, 65536, (12, 20, channels)).astype(np.uint16)
    deep_png(tmp_path / "x.png", array)
    how = SampleFormat([12, 20], channels, "dtype", dtype="uint16")
    assert torch.equal(decode(tmp_path / "x.png", how), planes(array))
    bytes_ = decode(tmp_path / "x.png", SampleFormat([12, 20], channels, "dtype"))
    assert (bytes_.int() - planes(array).int() // 257).abs().max() <= 1  # the control: 8 bits of them
    floats = decode(tmp_path / "x.png", SampleFormat([12, 20], channels, "dtype", dtype="float32"))
    assert torch.equal(((floats.double() + 1) * 32767.5).round().int(), planes(array).int())


@pytest.mark.parametrize("channels", [1, 2, 5, 7])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_an_array_has_any_number_of_channels(tmp_path: Path, channels: int, dtype: type) -> None:
    array = RNG.integers(0, 256, (10, 14, channels)).astype(dtype)
    np.save(tmp_path / "x.npy", array if channels > 1 else array[..., 0])
    how = SampleFormat((10, 14), channels, (0.0, 255.0))
    assert torch.equal(decode(tmp_path / "x.npy", how), planes(array).to(torch.uint8))
    assert torch.equal(decode(io.BytesIO((tmp_path / "x.npy").read_bytes()), how), planes(array).byte())
    assert read_size(tmp_path / "x.npy") == (10, 14)


def test_floats_stay_what_they_are(tmp_path: Path) -> None:
    array = RNG.random((8, 8, 2), dtype=np.float32)
    np.save(tmp_path / "x.npy", array)
    found = decode(tmp_path / "x.npy", SampleFormat(8, 2, (0.0, 1.0), dtype="float32"))
    assert found.dtype == torch.float32
    assert torch.equal(found, planes(array) * 2 - 1)


def test_pages_of_a_tiff_are_channels(tmp_path: Path) -> None:
    pages = [Image.fromarray(RNG.integers(0, 65536, (6, 9)).astype(np.uint16)) for _ in range(5)]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    found = decode(tmp_path / "x.tif", SampleFormat((6, 9), 5, "dtype", dtype="uint16"))
    assert torch.equal(found, torch.stack([torch.from_numpy(np.array(page)) for page in pages]))
    with pytest.raises(ValueError, match=r"it has 5 channels, and 6 are asked for"):
        decode(tmp_path / "x.tif", SampleFormat((6, 9), 6, "dtype"))


def test_three_pages_are_the_first_alone_unless_they_are_stacked(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in (10, 20, 30)]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    assert decode(tmp_path / "x.tif", SampleFormat(8, 3))[:, 0, 0].tolist() == [10, 10, 10]
    assert decode(tmp_path / "x.tif", SampleFormat(8, 3, pages="stack"))[:, 0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize("channels", [3, 4, 7])
def test_a_tiff_that_pillow_does_not_read_is_read_by_tifffile(tmp_path: Path, channels: int) -> None:
    tifffile = pytest.importorskip("tifffile")
    array = RNG.integers(0, 65536, (9, 11, channels)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "x.tif", array, photometric="rgb" if channels < 5 else "minisblack", planarconfig="contig"
    )
    how = SampleFormat((9, 11), channels, "dtype", dtype="uint16")
    assert torch.equal(decode(tmp_path / "x.tif", how), planes(array))
    assert torch.equal(decode(io.BytesIO((tmp_path / "x.tif").read_bytes()), how), planes(array))
    assert read_size(tmp_path / "x.tif") == (9, 11)


def test_a_tiff_without_its_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((8, 8, 3), np.uint16), photometric="rgb")
    monkeypatch.setattr("ganworks.data.planes.find_spec", lambda name: None)
    with pytest.raises(GanworksError, match=r"pip install ganworks\[tiff\]"):
        decode(tmp_path / "x.tif", SampleFormat(8, 3, "dtype", dtype="uint16"))


def clear(path: Path, mode: str = "RGBA") -> Path:
    """An image of which the left half is clear, the right half solid red."""
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, 8:] = 255, 0, 0, 255
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_opacity_is_kept_or_lies_on_the_background(tmp_path: Path, dtype: str) -> None:
    path = clear(tmp_path / "x.png")
    top = 255 if dtype == "uint8" else 65535
    kept = decode(path, SampleFormat(16, 4, dtype=dtype))
    assert kept[:, 0, 0].tolist() == [0, 0, 0, 0]
    assert kept[:, 0, 15].tolist() == [top, 0, 0, top]
    for background, expected in (("white", [1, 1, 1]), ("#0000ff", [0, 0, 1]), ([0, 255, 0], [0, 1, 0])):
        how = SampleFormat(16, 3, background=background, dtype=dtype)
        assert decode(path, how)[:, 0, 0].tolist() == [top * share for share in expected]
    assert decode(path, SampleFormat(16, 2, dtype=dtype))[1, 0].unique().tolist() == [0, top]


def test_an_image_without_opacity_is_opaque(tmp_path: Path) -> None:
    for mode in ("L", "RGB", "CMYK", "P"):
        path = tmp_path / f"{mode}.{'tif' if mode == 'CMYK' else 'png'}"
        Image.new("RGB", (8, 8), "red").convert(mode).save(path)
        assert decode(path, SampleFormat(8, 4))[3].unique().tolist() == [255]
        assert decode(path, SampleFormat(8, 2)).shape == (2, 8, 8)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_fits_are_crop_pad_and_stretch(tmp_path: Path, dtype: str) -> None:
    stripes = np.zeros((20, 60, 3), np.uint8)
    stripes[:, :20, 0], stripes[:, 20:40, 1], stripes[:, 40:, 2] = 255, 255, 255  # red, green, blue squares
    Image.fromarray(stripes).save(tmp_path / "x.png")
    low, high = (-1, 1) if dtype == "float32" else (0, 255 if dtype == "uint8" else 65535)
    found = {
        fit: decode(tmp_path / "x.png", SampleFormat(12, 3, fit=fit, background="white", dtype=dtype))
        for fit in ("crop", "pad", "stretch")
    }
    assert found["crop"][:, 6, 6].tolist() == [low, high, low]
    assert [found["stretch"][c, 0, x].item() for c, x in enumerate((1, 6, 10))] == [high] * 3
    assert found["pad"][:, 0].unique().tolist() == found["pad"][:, 11].unique().tolist() == [high]
    assert [found["pad"][c, 6, x].item() for c, x in enumerate((1, 6, 10))] == [high] * 3
    assert found["pad"][:, 6, 1].tolist() == [high, low, low]


def test_padding_keeps_opacity_at_nothing(tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), "red").save(tmp_path / "x.png")
    for dtype in ("uint8", "uint16"):
        found = decode(tmp_path / "x.png", SampleFormat(10, 4, fit="pad", dtype=dtype))
        assert found[3, 0].unique().tolist() == [0]
        assert found[3, 5].unique().tolist() == [255 if dtype == "uint8" else 65535]


def test_a_clear_pixel_does_not_tint_its_neighbours(tmp_path: Path) -> None:
    array = np.zeros((16, 16, 4), np.uint16)
    array[:, :, 1], array[:, 8:] = 65535, (65535, 0, 0, 65535)  # clear green beside red
    deep_png(tmp_path / "x.png", array)
    found = decode(tmp_path / "x.png", SampleFormat(4, 4, "dtype", dtype="uint16"))
    assert found[1].unique().tolist() == [0]


def test_a_rectangle_is_cropped_to_its_proportions(tmp_path: Path) -> None:
    array = RNG.integers(0, 256, (40, 40, 3)).astype(np.uint8)
    Image.fromarray(array).save(tmp_path / "x.png")
    assert torch.equal(decode(tmp_path / "x.png", SampleFormat([20, 40], 3)), planes(array[10:30]))
    assert torch.equal(decode_part(tmp_path / "x.png", SampleFormat([20, 40], 3)), planes(array[10:30]))


def test_a_crop_never_ends_beyond_its_image() -> None:
    """By the last bit of a fraction it did, for one size in forty, and Pillow refused the image."""
    for width, height, wanted in product(range(20, 100), range(20, 100), [(33, 50), (32, 48), (100, 150)]):
        left, top, right, bottom = exact_box((width, height), wanted)
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_colour_is_turned_as_a_photograph_is(tmp_path: Path, orientation: int) -> None:
    small = RNG.integers(0, 256, (6, 9, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(small).save(tmp_path / "small.png", exif=exif)
    expected = decode_whole(tmp_path / "small.png", SampleFormat(None, 3))
    deep_png(tmp_path / "deep.png", small.astype(np.uint16) * 257)
    data = (tmp_path / "deep.png").read_bytes()
    chunk = b"eXIf" + exif.tobytes()[6:]  # behind "Exif\0\0"
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "deep.png").write_bytes(data[:33] + chunk + data[33:])
    found = decode_whole(tmp_path / "deep.png", SampleFormat(None, 3, "dtype", dtype="uint16"))
    assert torch.equal(found.int(), expected.int() * 257)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("resolution", [64, 64, 64]),
        ("resolution", "64"),
        ("channels", 0),
        ("fit", "padd"),
        ("background", "wite"),
        ("background", [0, 0, 256]),
        ("dtype", "int8"),
        ("pages", "all"),
    ],
)
def test_a_format_that_cannot_be_is_an_error(setting: str, value: object) -> None:
    with pytest.raises(SettingError, match=f"^{setting}="):
        SampleFormat(**{"resolution": 8, "channels": 3, setting: value})  # type: ignore[arg-type]


def test_a_format_as_it_always_was_has_the_key_that_it_had() -> None:
    assert SampleFormat(64, 3, "dtype").key == [64, 3]
    assert SampleFormat(64, 3, (0, 4095), 100).key == [64, 3, ("range", 0, 4095), ("pixels", 100)]
    other = SampleFormat([64, 32], 4, fit="pad", background="black", dtype="uint16", pages="stack")
    names = [name for name, _ in other.key[2:]]
    assert other.key[:2] == [[64, 32], 4]
    assert names == ["fit", "background", "dtype", "pages"]
