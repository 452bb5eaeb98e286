"""Pictures of translators: rows that belong together, in the order of their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ganworks.callback import SampleGrid
from ganworks.data import DigitsSuperres
from ganworks.model import ResidualUNet
from ganworks.picture.comparison import comparison
from ganworks.sample import Image, Video
from ganworks.sample.sampler import Sampler


def test_rows_stand_below_each_other_in_groups() -> None:
    rows = {
        name: torch.full((5, 1, 100, 100), value) for name, value in (("source", -1.0), ("truth", 1 / 255))
    }
    pixels = np.asarray(comparison(rows, columns=3))
    column = pixels[:, -150, 0]  # in the last column of the picture, which the second group does not fill
    runs = [value for value, before in zip(column, [-1, *column[:-1]], strict=True) if value != before]
    assert runs == [255, 0, 255, 128, 255]
    first = pixels[:, pixels.shape[1] - 3 * 300, 0]
    assert [int((first == value).sum()) for value in (0, 128)] == [2 * 300, 2 * 300]


def test_sources_of_another_size_are_brought_to_that_of_the_translations() -> None:
    small = comparison({"source": torch.zeros(2, 1, 4, 4), "truth": torch.zeros(2, 3, 8, 8)})
    large = comparison({"source": torch.zeros(2, 1, 8, 8), "truth": torch.zeros(2, 3, 8, 8)})
    assert small.size == large.size


def test_a_picture_of_a_translator_shows_the_truth_that_belongs_to_each_source() -> None:
    data, sampler = DigitsSuperres(), Sampler(ResidualUNet((1, 8, 8), width=2), {})
    rows = SampleGrid(every_images=1, num=7).translate(sampler, data, "real")
    assert list(rows) == ["source", "translation", "truth"]
    torch.testing.assert_close(rows["translation"], sampler.generator(rows["source"]))
    blurred = torch.nn.functional.interpolate(
        torch.nn.functional.avg_pool2d(rows["truth"], 2), scale_factor=2, mode="bicubic"
    )
    torch.testing.assert_close(blurred.clamp(-1, 1), rows["source"])
    assert list(SampleGrid(every_images=1, num=7).translate(sampler, data, None)) == ["source", "translation"]


def test_kinds_that_show_samples_alone_leave_the_other_rows_out(tmp_path: Path) -> None:
    clips = {"source": torch.zeros(2, 1, 3, 4, 4), "translation": torch.zeros(2, 1, 3, 4, 4)}
    assert [path.suffix for path in Video().save_comparison(clips, tmp_path / "clips.png")] == [
        ".png",
        ".gif",
    ]
    assert Image().save_comparison({"translation": torch.zeros(2, 1, 4, 4)}, tmp_path / "a.png")[0].is_file()
