"""Kinds of samples: what they are by their shape, their pictures, their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from ganworks.errors import SettingError
from ganworks.picture.samples import image_grid
from ganworks.sample import Array, Image, Kind, Points, Tokens, Video, kind_of
from ganworks.sample.sampler import kind_from


@pytest.mark.parametrize(
    ("shape", "kind"), [((2,), Points), ((3, 8, 8), Image), ((1, 4, 8, 8), Video), ((5, 7), Array)]
)
def test_a_shape_says_the_kind(shape: tuple[int, ...], kind: type[Kind]) -> None:
    assert type(kind_of(shape)) is kind
    assert kind_of(shape).is_bounded == (kind in (Image, Video))


def test_a_kind_refuses_a_shape_of_another_rank() -> None:
    with pytest.raises(SettingError, match=r"shape=\(2,\): must be 3 numbers for images"):
        Image().check((2,))
    with pytest.raises(SettingError, match="texts"):
        Tokens().check((1, 2, 3))


def test_a_kind_is_built_again_from_its_settings() -> None:
    tokens = Tokens("ab", end=1, separator="-")
    again = kind_from({"kind": tokens.settings})
    assert isinstance(again, Tokens)
    assert vars(again) == vars(tokens)
    assert kind_from({}) is None


def test_only_samples_with_sides_are_mirrored() -> None:
    chosen = torch.tensor([True, False])
    clips = torch.arange(2 * 8.0).view(2, 1, 2, 2, 2)
    mirrored = Video().mirror(clips, chosen)
    assert torch.equal(mirrored[0], clips[0].flip(-1))
    assert torch.equal(mirrored[1], clips[1])
    assert torch.equal(Points().mirror(clips.flatten(1), chosen), clips.flatten(1))


def test_a_text_ends_at_its_end_and_is_read_off_the_likeliest_tokens() -> None:
    kind = Tokens("ab.", end=2)
    ids = torch.tensor([[0, 1, 2, 0], [1, 1, 1, 1]])
    assert kind.texts(ids) == ["ab", "bbbb"]
    assert kind.texts(torch.nn.functional.one_hot(ids, 3).float()) == ["ab", "bbbb"]
    assert Tokens().texts(ids) == ["0 1 2 0", "1 1 1 1"]


def test_clips_are_a_row_of_frames_each_and_an_animation(tmp_path: Path) -> None:
    clips = torch.rand(3, 1, 4, 8, 8) * 2 - 1
    strip, animation = Video().save_picture(clips, tmp_path / "clips.png")
    frames = clips.movedim(2, 1).flatten(0, 1)
    zoom = round(960 / (4 * 8))  # frames are enlarged until a strip is about 960 pixels wide
    wanted = image_grid(frames, columns=4, zoom=zoom)
    assert np.array_equal(np.asarray(PIL.Image.open(strip)), np.asarray(wanted))
    assert PIL.Image.open(animation).n_frames == 4


@pytest.mark.parametrize(
    "kind", [Points(), Image(), Video(), Tokens("ab"), Array()], ids=lambda kind: kind.name
)
def test_every_kind_writes_a_picture_and_a_file_of_one_sample(kind: Kind, tmp_path: Path) -> None:
    shape = {"points": (2,), "image": (1, 8, 8), "video": (1, 3, 8, 8), "tokens": (5, 2), "array": (4, 6)}[
        kind.name
    ]
    samples = torch.rand(4, *shape)
    (first, *_) = kind.save_picture(samples, tmp_path / f"all{kind.picture_suffix}")
    assert first.stat().st_size > 0
    assert kind.save(samples[0], tmp_path / "one").name == f"one{kind.suffix}"
