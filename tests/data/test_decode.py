"""Images of any mode become the same square of bytes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data.decode import decode, resize, with_channels
from ganworks.data.sample_format import SampleFormat

# Four quarters of a 32x32 picture: red, green / blue, yellow.
QUARTERS = np.zeros((32, 32, 3), dtype=np.uint8)
QUARTERS[:16, :16] = 250, 10, 10
QUARTERS[:16, 16:] = 10, 250, 10
QUARTERS[16:, :16] = 10, 10, 250
QUARTERS[16:, 16:] = 250, 250, 10


def corners(image: torch.Tensor) -> torch.Tensor:
    """The centres of the four quarters: (C, 4)."""
    q = image.shape[-1] // 4
    return torch.stack([image[:, y, x] for y in (q, 3 * q) for x in (q, 3 * q)], dim=1).int()


EXPECTED = corners(torch.from_numpy(QUARTERS).permute(2, 0, 1))


@pytest.mark.parametrize(
    ("mode", "suffix", "tolerance"),
    [
        ("RGB", ".png", 0),
        ("RGB", ".jpg", 6),
        ("RGB", ".webp", 12),
        ("RGB", ".bmp", 0),
        ("RGB", ".tif", 0),
        ("RGBA", ".png", 0),
        ("CMYK", ".jpg", 6),
        ("CMYK", ".tif", 2),
        ("YCbCr", ".jpg", 6),
        ("P", ".png", 0),
        ("P", ".gif", 0),
    ],
)
def test_modes_and_formats_give_the_same_picture(
    tmp_path: Path, mode: str, suffix: str, tolerance: int
) -> None:
    path = tmp_path / f"image{suffix}"
    image = Image.fromarray(QUARTERS)
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    image.save(path, **({"quality": 100} if suffix in (".jpg", ".webp") else {}))
    assert (corners(decode(path, SampleFormat(16, 3))) - EXPECTED).abs().max() <= tolerance
    assert (corners(decode(path, SampleFormat(16, 3))).flip(1) - EXPECTED).abs().max() > 100  # the control


@pytest.mark.parametrize(
    ("mode", "level"), [("L", 100), ("I;16", 100 * 257), ("I", 100 * 257), ("F", 100 / 255)]
)
def test_gray_of_8_16_and_32_bits_is_brought_to_8(tmp_path: Path, mode: str, level: float) -> None:
    dtype = {"L": np.uint8, "I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
    path = tmp_path / "gray.tif"
    Image.fromarray(np.full((20, 20), level, dtype)).save(path)
    with Image.open(path) as image:
        assert image.mode == mode
    assert decode(path, SampleFormat(8, 1)).unique().tolist() == [100]
    assert decode(path, SampleFormat(8, 3)).shape == (3, 8, 8)


def test_bilevel_images_are_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(np.tile([[True, False]], (8, 4))).save(tmp_path / "b.png")
    assert decode(tmp_path / "b.png", SampleFormat(8, 1))[0, 0].tolist() == [255, 0] * 4


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_composited_on_white(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "clear.png"
    pixels = np.zeros((16, 16, 4), dtype=np.uint8)
    pixels[:, 8:, 3] = 255  # the left half is clear black, the right half solid black
    image = Image.fromarray(pixels)
    if mode == "P":
        palette = Image.new("P", (16, 16))
        palette.putpalette([0, 0, 0, 0, 0, 0])
        palette.paste(1, (8, 0, 16, 16))
        palette.save(path, transparency=0)
    else:
        image.convert(mode).save(path)
    assert corners(decode(path, SampleFormat(16, 3)))[0].tolist() == [255, 0, 255, 0]


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    Image.fromarray(np.rot90(QUARTERS, 1).copy()).save(tmp_path / "t.png", exif=exif)
    assert torch.equal(corners(decode(tmp_path / "t.png", SampleFormat(16, 3))), EXPECTED)


@pytest.mark.parametrize(("width", "height"), [(64, 32), (32, 64)])
def test_the_square_at_the_centre_is_kept(tmp_path: Path, width: int, height: int) -> None:
    wide = np.full((height, width, 3), 128, dtype=np.uint8)
    top, left = (height - 32) // 2, (width - 32) // 2
    wide[top : top + 32, left : left + 32] = QUARTERS
    Image.fromarray(wide).save(tmp_path / "w.png")
    assert torch.equal(
        decode(tmp_path / "w.png", SampleFormat(32, 3)), torch.from_numpy(QUARTERS).permute(2, 0, 1)
    )


def test_downsizing_is_antialiased(tmp_path: Path) -> None:
    stripes = np.tile(np.array([[0, 255]], dtype=np.uint8), (64, 32))
    Image.fromarray(stripes).save(tmp_path / "s.png")
    assert (decode(tmp_path / "s.png", SampleFormat(16, 1)).float() - 127.5).abs().max() < 12
    assert np.ptp(stripes[::4, 1::4]) == 0  # the control: taking every fourth pixel sees one stripe only
    tensor = resize(torch.from_numpy(stripes)[None, None], 16)
    assert (tensor.float() - 127.5).abs().max() < 12


def test_large_jpegs_are_read_like_small_ones(tmp_path: Path) -> None:
    large = Image.fromarray(QUARTERS).resize((1600, 1600), Image.Resampling.NEAREST)
    large.save(tmp_path / "l.jpg", quality=95)
    with Image.open(tmp_path / "l.jpg") as image:
        whole = np.asarray(image.resize((16, 16), Image.Resampling.BICUBIC)).astype(int)
    read = decode(tmp_path / "l.jpg", SampleFormat(16, 3)).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(read - whole).max() <= 6


def test_gray_by_luma_is_what_pillow_does() -> None:
    rgb = torch.randint(0, 256, (4, 3, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    gray = with_channels(rgb, 1)
    pillow = [np.asarray(Image.fromarray(x.permute(1, 2, 0).numpy()).convert("L")) for x in rgb]
    assert np.abs(gray[:, 0].numpy().astype(int) - np.stack(pillow).astype(int)).max() <= 1


def test_a_truncated_file_raises(tmp_path: Path) -> None:
    Image.fromarray(QUARTERS).save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises((OSError, SyntaxError)):
        decode(tmp_path / "cut.png", SampleFormat(16, 3))
